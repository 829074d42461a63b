-- What one has used of two limits, each as the time at which all of it will have come back.
-- KEYS: their hash. Times are in nanoseconds, which do not fit into a number here, so they are kept as the
-- seconds and the rest, and counted from now.
local function digits(n) return string.format('%.0f', n) end
local TIME = redis.call('TIME')
local SECONDS, NANOS = tonumber(TIME[1]), tonumber(TIME[2]) * 1000

local function used(text)
  local seconds, nanos = string.match(text or '', '^(%d+) (%d+)$')
  if not seconds then return 0 end
  return math.max((tonumber(seconds) - SECONDS) * 1e9 + tonumber(nanos) - NANOS, 0)
end

local function at(used)
  local nanos = NANOS + used
  local seconds = math.floor(nanos / 1e9)
  return digits(SECONDS + seconds) .. ' ' .. digits(nanos - seconds * 1e9)
end

local function load()
  local both = redis.call('HMGET', KEYS[1], 'requests', 'tokens')
  return used(both[1]), used(both[2])
end

-- It goes when all has come back: then there is nothing to know.
local function save(requests, tokens)
  local most = math.max(requests, tokens)
  if most <= 0 then
    redis.call('DEL', KEYS[1])
    return
  end
  redis.call('HSET', KEYS[1], 'requests', at(requests), 'tokens', at(tokens))
  redis.call('PEXPIRE', KEYS[1], digits(math.ceil(most / 1e6) + 1000))
end

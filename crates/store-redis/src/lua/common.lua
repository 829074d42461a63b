-- What every step on an answer begins with.
-- KEYS: the answer's hash, the stream of its events, and which answers stood here.
local A, E, G = KEYS[1], KEYS[2], KEYS[3]
-- ARGV: where its followers listen, and its generation.
local CHANNEL, GEN = ARGV[1], ARGV[2]

-- Redis would write large numbers with an exponent, and a stream or a TTL takes none.
local function digits(n) return string.format('%.0f', n) end

local TIME = redis.call('TIME')
local NOW = tonumber(TIME[1]) * 1000 + math.floor(tonumber(TIME[2]) / 1000)

-- A new fence. By the clock, so that it differs from one that a failover has lost.
local function fence_after(old)
  return math.max(old + 1, tonumber(TIME[1]) * 1000000 + tonumber(TIME[2]))
end

local ENDED = { complete = true, truncated = true, failed = true, cancelled = true, dead = true }

-- Moves the end of its life: `ttl` behind this change, or in `left`, and not before its lease ends.
local function keep(ttl, till, left)
  local life = math.max(left or ttl, till - NOW)
  redis.call('PEXPIRE', A, digits(life))
  redis.call('PEXPIRE', E, digits(life))
  -- Of each answer by itself: an earlier one may be remembered for longer.
  redis.call('HSET', G, 'until' .. GEN, digits(NOW + life + ttl))
  if redis.call('PTTL', G) < life + ttl then redis.call('PEXPIRE', G, digits(life + ttl)) end
end

-- Wakes its followers: which answer, its last event, whether it has ended, how long its lease lasts.
local function tell(n, ended, left)
  local message = GEN .. ' ' .. digits(n) .. ' ' .. (ended and '1' or '0') .. ' ' .. digits(math.max(left, 0))
  redis.call('PUBLISH', CHANNEL, message)
end

-- What is known of the answer that stands here.
local function record()
  local r = redis.call('HMGET', A, 'gen', 'tenant', 'print', 'state', 'fence', 'till', 'n', 'bytes', 'attempts',
    'created', 'head', 'end')
  r[6] = (not ENDED[r[4]] and tonumber(r[6]) > NOW) and 1 or 0
  return r
end

-- Whether the index of running answers is to be told of a lease again: a third of it has gone by since.
local function due(marked, lease) return NOW - marked >= lease / 3 end

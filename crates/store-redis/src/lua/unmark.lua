-- Takes an answer out of the index, if its lease has ended so long ago.
-- KEYS: one shard of the index. ARGV: the answer, and how long, or nothing: in any case.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
local score = redis.call('ZSCORE', KEYS[1], ARGV[1])
if score and (ARGV[2] == '' or tonumber(score) <= now - tonumber(ARGV[2])) then
  redis.call('ZREM', KEYS[1], ARGV[1])
end
return { 'ok' }

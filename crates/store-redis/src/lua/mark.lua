-- Tells the index when an answer's lease ends. KEYS: one shard of the index. ARGV: the answer, and in how long.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
redis.call('ZADD', KEYS[1], string.format('%.0f', now + tonumber(ARGV[2])), ARGV[1])
return { 'ok' }

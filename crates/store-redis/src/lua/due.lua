-- Answers whose leases have ended, as far as the index knows, the longest ago first.
-- KEYS: one shard of the index. ARGV: how many to leave out, and how many at most.
local time = redis.call('TIME')
local now = tonumber(time[1]) * 1000 + math.floor(tonumber(time[2]) / 1000)
return redis.call('ZRANGEBYSCORE', KEYS[1], '-inf', string.format('%.0f', now), 'LIMIT', ARGV[1], ARGV[2])

if redis.call('HGET', A, 'gen') == GEN then return { 'known', record() } end
local old = redis.call('HMGET', G, 'until' .. GEN, 'tenant' .. GEN)
if old[1] and old[2] and tonumber(old[1]) > NOW then return { 'expired', old[2] } end
return { 'unknown' }

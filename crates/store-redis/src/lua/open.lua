local holder, tenant, print, request, state = ARGV[3], ARGV[4], ARGV[5], ARGV[6], ARGV[7]
local lease, ttl, max = tonumber(ARGV[8]), tonumber(ARGV[9]), ARGV[10]
local there = redis.call('HMGET', A, 'gen', 'holder', 'fence')
if there[1] == GEN and there[2] == holder then
  -- Opened by this very call, whose reply was lost. Written once more, so that WAIT waits for it.
  redis.call('HSET', A, 'holder', holder)
  return { 'new', there[3] }
end
if there[1] then return { 'exists', record() } end
local fence = digits(fence_after(0))
-- Its key may be gone a moment before that of its events.
redis.call('DEL', E)
redis.call('HSET', A, 'gen', GEN, 'tenant', tenant, 'print', print, 'request', request, 'state', state,
  'fence', fence, 'holder', holder, 'till', digits(NOW + lease), 'lease', digits(lease), 'ttl', digits(ttl),
  'max', max, 'n', '0', 'bytes', '0', 'headlen', '0', 'attempts', '0', 'created', digits(NOW), 'marked', digits(NOW))
-- Of eight others at most it is known that they stood here.
local others = redis.call('HGETALL', G)
local kept = 0
for at = 1, #others, 2 do
  local gen = string.match(others[at], '^until(.*)$')
  if string.sub(others[at], 1, 8) == 'released' then
    redis.call('HDEL', G, others[at])
  elseif gen then
    kept = kept + 1
    if tonumber(others[at + 1]) <= NOW or kept > 8 then redis.call('HDEL', G, 'until' .. gen, 'tenant' .. gen) end
  end
end
redis.call('HSET', G, 'tenant' .. GEN, tenant)
keep(ttl, NOW + lease)
tell(0, false, lease)
return { 'new', fence }

local holder = ARGV[3]
local r = redis.call('HMGET', A, 'gen', 'state', 'till', 'fence', 'holder', 'lease', 'ttl', 'n')
if r[1] ~= GEN then return { 'gone' } end
if ENDED[r[2]] then return { 'ended' } end
local lease = tonumber(r[6])
if tonumber(r[3]) > NOW then
  if r[5] ~= holder then return { 'held', digits(tonumber(r[3]) - NOW) } end
  -- Claimed by this very call, whose reply was lost. Written once more, so that WAIT waits for it.
  redis.call('HSET', A, 'holder', holder)
else
  -- When it was to expire: for who gives it back without a word.
  local found = NOW + redis.call('PTTL', A)
  redis.call('HSET', A, 'found', digits(found), 'fence', digits(fence_after(tonumber(r[4]))), 'holder', holder, 'till', digits(NOW + lease),
    'marked', digits(NOW))
  keep(tonumber(r[7]), NOW + lease)
  tell(tonumber(r[8]), false, lease)
end
return { 'ok', record(), redis.call('HGET', A, 'request'), digits(lease) }

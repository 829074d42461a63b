if redis.call('HGET', A, 'gen') == GEN then return { 'known', record() } end
for _, old in ipairs(redis.call('LRANGE', G, 0, -1)) do
  if string.sub(old, 1, #GEN) == GEN then return { 'expired', string.sub(old, #GEN + 1) } end
end
return { 'unknown' }

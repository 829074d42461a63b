-- What a wake-up would have told of the answer that stands here.
local r = redis.call('HMGET', A, 'gen', 'n', 'state', 'till')
if not r[1] then return { 'gone' } end
return { 'here', r[1], r[2], ENDED[r[3]] and 1 or 0, digits(math.max(tonumber(r[4]) - NOW, 0)) }

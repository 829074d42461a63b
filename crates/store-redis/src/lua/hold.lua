-- What the holder of a lease says beside events: sent, renew, relinquish, release.
local mode, fence, caller = ARGV[3], ARGV[4], ARGV[5]
local r = redis.call('HMGET', A, 'gen', 'fence', 'state', 'n', 'lease', 'ttl', 'marked', 'attended',
  'found')
if mode == 'release' and redis.call('HGET', G, 'released' .. GEN) == caller then
  -- Released by this very call, whose reply was lost.
  return { 'ok', 0 }
end
if r[1] ~= GEN or r[2] ~= fence or ENDED[r[3]] then return { 'fenced' } end
local n, lease, ttl = tonumber(r[4]), tonumber(r[5]), tonumber(r[6])
if mode == 'release' then
  redis.call('DEL', A, E)
  redis.call('HDEL', G, 'until' .. GEN, 'tenant' .. GEN)
  redis.call('HSET', G, 'released' .. GEN, caller)
  tell(0, true, 0)
  return { 'ok', 0 }
end
local till, mark, set, left = NOW + lease, 0, {}, nil
if mode == 'relinquish' then
  till = 0
  -- Who claims it and gives it back has changed nothing, however often.
  if r[9] and r[9] ~= '' then left = math.max(tonumber(r[9]) - NOW, 1) end
elseif due(tonumber(r[7]), lease) then
  mark = digits(lease)
  set = { 'marked', digits(NOW) }
end
if mode == 'sent' and r[3] == 'claimed' then set[#set + 1] = 'state'; set[#set + 1] = 'sent' end
if mode ~= 'relinquish' and r[9] then set[#set + 1] = 'found'; set[#set + 1] = '' end
set[#set + 1] = 'till'; set[#set + 1] = digits(till)
redis.call('HSET', A, unpack(set))
keep(ttl, till, left)
tell(n, false, till - NOW)
return { 'ok', mark, r[8] and digits(math.max(NOW - tonumber(r[8]), 0)) or false }

-- Appends, ends, or seizes. Who seizes has no fence, but a name that nobody else has.
local mode, fence, first, size = ARGV[3], ARGV[4], tonumber(ARGV[5]), tonumber(ARGV[6])
local attempts, has_head, head = tonumber(ARGV[7]), ARGV[8] == '1', ARGV[9]
local state, detail, FROM = ARGV[10], ARGV[11], 12
local count = #ARGV - FROM + 1
local r = redis.call('HMGET', A, 'gen', 'fence', 'state', 'n', 'bytes', 'headlen', 'max', 'lease', 'ttl',
  'attempts', 'marked', 'ended_by')
if r[1] ~= GEN then return { 'fenced' } end
if ENDED[r[3]] then
  if mode ~= 'append' and r[12] == fence then
    -- Ended by this very lease, or seized by this very call, and nobody knows. Once more, so that WAIT waits.
    redis.call('HSET', A, 'ended_by', fence)
    return { 'ok', 0 }
  end
  return { 'fenced' }
end
if mode ~= 'seize' and r[2] ~= fence then return { 'fenced' } end
local n, bytes, lease, ttl = tonumber(r[4]), tonumber(r[5]), tonumber(r[8]), tonumber(r[9])
if mode == 'seize' then first = n + 1 end
if first > n + 1 or (count > 0 and first <= n and (first < 1 or first + count - 1 > n)) then return { 'order' } end
if mode ~= 'append' and not ENDED[state] then return { mode == 'seize' and 'fenced' or 'order' } end
local set = {}
local function put(field, value) set[#set + 1] = field; set[#set + 1] = value end
-- A batch that is there already is written no second time, nor what comes with it.
if first == n + 1 then
  bytes = bytes + size
  if has_head then bytes = bytes + #head - tonumber(r[6]) end
  if mode == 'append' and bytes > tonumber(r[7]) then return { 'large' } end
  for at = FROM, #ARGV do
    n = n + 1
    redis.call('XADD', E, digits(n) .. '-0', 'd', ARGV[at])
  end
  put('n', digits(n)); put('bytes', digits(bytes))
  if has_head then put('head', head); put('headlen', digits(#head)) end
  if attempts > tonumber(r[10]) then put('attempts', digits(attempts)) end
end
local till, mark = 0, 0
if mode == 'append' then
  till = NOW + lease
  if n > 0 then put('state', 'streaming') end
  if due(tonumber(r[11]), lease) then mark = digits(lease); put('marked', digits(NOW)) end
else
  put('state', state); put('end', detail)
  redis.call('HDEL', A, 'request')
  put('ended_by', fence)
  if mode == 'seize' then put('fence', digits(fence_after(tonumber(r[2])))) end
end
put('till', digits(till)); put('found', '')
redis.call('HSET', A, unpack(set))
keep(ttl, till)
tell(n, mode ~= 'append', till - NOW)
return { 'ok', mark }

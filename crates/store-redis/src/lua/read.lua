local after, from, max = tonumber(ARGV[3]), ARGV[4], tonumber(ARGV[5])
if redis.call('HGET', A, 'gen') ~= GEN then return { 'gone' } end
local page = record()
local events, size = {}, 0
local more = after < tonumber(page[7])
while more do
  local some = redis.call('XRANGE', E, from, '+', 'COUNT', 16)
  more = #some == 16
  for _, entry in ipairs(some) do
    local event = entry[2][2]
    size = size + #event
    if #events > 0 and size > max then more = false; break end
    events[#events + 1] = event
    from = '(' .. entry[1]
  end
end
return { 'page', page, events }

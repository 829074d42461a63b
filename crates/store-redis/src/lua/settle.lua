-- ARGV, of requests and of tokens: by how much to move, in nanoseconds, negative for what is given back; and the
-- most there may be then.
local requests, tokens = load()
local function moved(used, by, most)
  if by < 0 then return math.max(used + by, 0) end
  if by > 0 then return math.min(used + by, most) end
  return used
end
save(moved(requests, tonumber(ARGV[1]), tonumber(ARGV[2])), moved(tokens, tonumber(ARGV[3]), tonumber(ARGV[4])))
return { 'ok' }

-- ARGV: what it takes and the burst, in nanoseconds, of requests and of tokens. No burst: no limit.
local requests, tokens = load()
local function wait(used, takes, burst)
  if burst == 0 or takes == 0 then return 0 end
  return math.max(used + takes - burst, 0)
end
local r, t = tonumber(ARGV[1]), tonumber(ARGV[3])
local wait_r, wait_t = wait(requests, r, tonumber(ARGV[2])), wait(tokens, t, tonumber(ARGV[4]))
local granted = wait_r == 0 and wait_t == 0
if granted then
  requests, tokens = requests + r, tokens + t
  save(requests, tokens)
end
return { granted and 1 or 0, digits(requests), digits(tokens), digits(wait_r), digits(wait_t) }

"""What is done inside the server, where each script is one atomic step: https://redis.io/docs/latest/develop/programmability/eval-intro/.

A run is two keys on one slot of a cluster. The hash says how the run stands: `last` number, `bytes`
that are kept, `meta`, and once they are known `end`, `epoch` and `lease` (until when, in
milliseconds of the server's clock; `inf`; or empty: given up). The stream holds the entries, number
42 under the ID `42-0`, in the field `e`. The name of the hash is also the channel of the hints.

The first write of a script is one that is denied where there is no room, or only a replica, so
nothing is ever half written.
"""

from dataclasses import InitVar, dataclass, field
from hashlib import sha1


@dataclass(frozen=True, slots=True)
class Script:
    """A script, and the name that the server gives it."""

    source: InitVar[str]
    only_reads: bool = False
    text: bytes = field(init=False)
    sha: bytes = field(init=False)

    def __post_init__(self, source: str) -> None:
        text = source.encode()
        sha = sha1(text, usedforsecurity=False).hexdigest()
        object.__setattr__(self, "text", text)
        object.__setattr__(self, "sha", sha.encode())


# ARGV: meta, retain (ms or empty). Answers 1, or 0: there is one already.
CREATE = Script("""\
if redis.call('EXISTS', KEYS[1]) == 1 then return 0 end
redis.call('HSET', KEYS[1], 'last', 0, 'bytes', 0, 'meta', ARGV[1])
redis.call('UNLINK', KEYS[2])
if ARGV[2] ~= '' then redis.call('PEXPIRE', KEYS[1], ARGV[2]) end
return 1
""")

NOW = """\
local function now()
  local time = redis.call('TIME')
  return time[1] * 1000 + math.floor(time[2] / 1000)
end
local function integer(number) return string.format('%.0f', number) end
local function lease_of(ttl)  -- until when; Lua itself would write 1.7e+12
  if ttl == '' or ttl == 'inf' then return ttl end
  return integer(now() + ttl)
end
"""

# ARGV: ttl (ms or `inf`). Answers the epoch; 0: it cannot be claimed; -1: it is missing.
#
# An epoch is no lower than the time. A server that has lost a claim, at a failover or a power cut,
# would else give the same epoch to two owners, and fence off neither.
CLAIM = Script(
    NOW
    + """\
local run = redis.call('HMGET', KEYS[1], 'last', 'end', 'epoch', 'lease')
if not run[1] then return -1 end
if run[2] or run[4] == 'inf' or (tonumber(run[4]) or 0) > now() then return 0 end
local epoch = math.max((tonumber(run[3]) or 0) + 1, now())
redis.call('HSET', KEYS[1], 'epoch', integer(epoch), 'lease', lease_of(ARGV[1]))
return epoch
"""
)

# ARGV: at, epoch, ttl, end (`=done`), each empty if there is none; retain (ms or empty), how many
# bytes to keep, what an entry costs beside its content; the entries. Answers the last number, or
# why not.
APPEND = Script(
    NOW
    + """\
local at, epoch, ttl, ending = tonumber(ARGV[1]), ARGV[2], ARGV[3], ARGV[4]
local retain, keep, cost = ARGV[5], tonumber(ARGV[6]), tonumber(ARGV[7])
local count = #ARGV - 7
local run = redis.call('HMGET', KEYS[1], 'last', 'bytes', 'end', 'epoch')
local last, bytes, ended = tonumber(run[1]), tonumber(run[2]), run[3]
if not last then return {'missing'} end
if epoch ~= '' and epoch ~= run[4] then return {'fenced', run[4] or '0'} end

if ending == '=deleted' then
  redis.call('UNLINK', KEYS[1], KEYS[2])
  redis.call('PUBLISH', KEYS[1], '')
  return last
end

local function is_repeated()
  if count == 0 then return ended and ended == ending and at == last end
  return at + count <= last and (ending == '' or ended == ending)
end

if ended or (at and at ~= last) then
  if at and is_repeated() then return last end
  if at and at ~= last then return {'diverged', last} end
  return {'closed', ended}
end

for index = 8, #ARGV do
  last = last + 1
  bytes = bytes + #ARGV[index] + cost
  redis.call('XADD', KEYS[2], integer(last) .. '-0', 'e', ARGV[index])
end

local first = 0
while bytes > keep and first < last do  -- the newest one stays, however large it is
  local oldest = redis.call('XRANGE', KEYS[2], '-', '+', 'COUNT', count + 1)
  if #oldest == 0 then break end  -- somebody else has emptied the stream
  first = tonumber(string.match(oldest[1][1], '%d+'))
  for _, entry in ipairs(oldest) do
    if bytes <= keep or first >= last then break end
    bytes = bytes - #entry[2][2] - cost
    first = first + 1
  end
  redis.call('XTRIM', KEYS[2], 'MINID', integer(first))
end

local changes = {'last', integer(last), 'bytes', integer(bytes)}
local function change(name, value)
  changes[#changes + 1] = name
  changes[#changes + 1] = value
end
if epoch ~= '' then change('lease', ending == '' and lease_of(ttl) or '') end
if ending ~= '' then change('end', ending) end
redis.call('HSET', KEYS[1], unpack(changes))
if retain ~= '' then
  redis.call('PEXPIRE', KEYS[1], retain)
  redis.call('PEXPIRE', KEYS[2], retain)
end
redis.call('PUBLISH', KEYS[1], '')
return last
"""
)

# ARGV: after, limit. Answers how the run stands, and the entries; an empty list: it is missing.
READ = Script(
    NOW
    + """\
local run = redis.call('HMGET', KEYS[1], 'last', 'end', 'lease', 'meta')
local last, after, lease = tonumber(run[1]), tonumber(ARGV[1]), run[3]
if not last then return {} end
if lease == '' then lease = false end
if lease and lease ~= 'inf' then lease = integer(lease - now()) end

local start = after + 1
local page = {start, last, run[2], lease, run[4]}
if after < last then
  local entries = redis.call('XRANGE', KEYS[2], integer(math.max(start, 0)), '+', 'COUNT', ARGV[2])
  page[1] = #entries > 0 and tonumber(string.match(entries[1][1], '%d+')) or last + 1
  for index, entry in ipairs(entries) do page[index + 5] = entry[2][2] end
end
return page
""",
    only_reads=True,
)

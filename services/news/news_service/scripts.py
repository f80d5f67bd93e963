"""The Lua scripts of the news store; what the keys are is told in `news_service.redis`.

What has to be decided and done as one step is one script. They name keys that follow from others,
which needs all of them on one server (or a primary and its replicas).
"""

from typing import Final

READ: Final = """
-- KEYS: feed, following, popular. ARGV: bound, how many, whose events only (empty for everybody's)
-- Returns whether it is known whom the reader follows, and the events' bodies.
local feed, following, popular = unpack(KEYS)
local bound, wanted, only = ARGV[1], tonumber(ARGV[2]), ARGV[3]
local known = redis.call('SISMEMBER', following, '*')
local follows = {}

local function is_shown(author)
    if only ~= '' and author ~= only then return false end
    if known == 0 then return true end
    if follows[author] == nil then
        follows[author] = redis.call('SISMEMBER', following, author) == 1
    end
    return follows[author]
end

local sources = {feed}
if only == '' then
    for _, author in ipairs(redis.call('ZINTER', 2, following, popular)) do
        sources[#sources + 1] = 'timeline:' .. author
    end
elseif redis.call('SISMEMBER', following, only) == 1 then
    sources[2] = 'timeline:' .. only
end

local function newest(count)
    if #sources == 1 then
        return redis.call('ZREVRANGEBYLEX', feed, bound, '-', 'LIMIT', 0, count)
    end
    local merged, seen = {}, {}
    for _, source in ipairs(sources) do
        local entries = redis.call('ZREVRANGEBYLEX', source, bound, '-', 'LIMIT', 0, count)
        for _, entry in ipairs(entries) do
            if not seen[entry] then
                seen[entry] = true
                merged[#merged + 1] = entry
            end
        end
    end
    table.sort(merged, function(one, other) return one > other end)
    return merged
end

local found = {}
while #found < wanted do
    local count = math.max(wanted - #found, 50)
    local entries = newest(count)
    -- Behind the first `count`, a source may have what was not asked for.
    local last = math.min(count, #entries)
    if last == 0 then break end
    local keys = {}
    for i = 1, last do
        if is_shown(entries[i]:sub(38)) then keys[#keys + 1] = 'event:' .. entries[i]:sub(1, 36) end
    end
    if #keys > 0 then
        for _, body in ipairs(redis.call('MGET', unpack(keys))) do
            if body and #found < wanted then found[#found + 1] = body end
        end
    end
    bound = '(' .. entries[last]
end
return {known, found}
"""

_RETRACT: Final = """
local function retract(link, events, id, retention)
    local last = redis.call('HGET', link, 'retracted') or ''
    if last < id then last = id end
    redis.call('HSET', link, 'retracted', last)
    redis.call('EXPIRE', link, retention)
    local before = '(' .. last
    for _, old in ipairs(redis.call('ZRANGEBYLEX', events, '-', before)) do
        redis.call('DEL', 'event:' .. old)
    end
    redis.call('ZREMRANGEBYLEX', events, '-', before)
end
"""

_DELETED: Final = """
-- Whether what has this id is of an account that was deleted (`news_service.redis_purge`).
local function is_deleted(username, id)
    return id < (redis.call('HGET', 'deleted', username) or '')
end
"""

_WATCH: Final = """
-- Has deliveries look at their readers up to this id: it takes a tenth of their rate.
local function watch(upto)
    if upto > (redis.call('HGET', 'deleted', '*') or '') then
        redis.call('HSET', 'deleted', '*', upto)
    end
end
"""

MARK: Final = f"""
-- ARGV: a user, the first id that is not of the deleted account, an id of later
{_WATCH}
redis.call('HSET', 'deleted', ARGV[1], ARGV[2])
watch(ARGV[3])
"""

STRIP: Final = """
-- KEYS: feeds. ARGV: author, the first id that stays
for _, feed in ipairs(KEYS) do
    for _, entry in ipairs(redis.call('ZRANGEBYLEX', feed, '-', '(' .. ARGV[2])) do
        if entry:sub(38) == ARGV[1] then redis.call('ZREM', feed, entry) end
    end
end
"""

RETRACT: Final = f"""
-- KEYS: link, its events. ARGV: id, retention
{_RETRACT}
retract(KEYS[1], KEYS[2], ARGV[1], ARGV[2])
"""

_TRIM: Final = """
local function add(set, size, retention, members)
    if redis.call('ZADD', set, unpack(members)) > 0 then
        redis.call('ZREMRANGEBYRANK', set, 0, -size - 1)
        redis.call('EXPIRE', set, retention)
    end
end
"""

TELL: Final = f"""
-- KEYS: link, its events, timeline, popular
-- ARGV: id, body, when it expires, retention, kind, author, now if popular or empty, feed size
-- Returns the id under which it is told, or nothing.
{_RETRACT}
{_TRIM}
{_DELETED}
local link, events, timeline, popular = unpack(KEYS)
local own, body, expires_at, retention, kind, author, now, size = unpack(ARGV)
if is_deleted(author, own) then return false end
local id = own
-- A link is added once: what the link service told of it before stays.
if kind == 'link_added' then id = redis.call('HGET', link, 'added') or own end
if id < (redis.call('HGET', link, 'retracted') or '') then return false end
if kind == 'link_added' then redis.call('HSET', link, 'added', id) end
if kind == 'link_deleted' then retract(link, events, id, retention) end
if id == own then redis.call('SET', 'event:' .. id, body, 'EXAT', expires_at) end
redis.call('ZADD', events, 0, id)
redis.call('EXPIRE', events, retention)
redis.call('EXPIRE', link, retention)
if now ~= '' then
    add(timeline, tonumber(size), retention, {{0, id .. ' ' .. author}})
    redis.call('ZADD', popular, now + retention, author)
    redis.call('ZREMRANGEBYSCORE', popular, '-inf', now)
    redis.call('EXPIRE', popular, retention)
end
return id
"""

RECOVER: Final = f"""
-- ARGV: retention, then for each link: its id, the id of what is told, its body, when it expires
-- Returns for each link the id of what is told of it, or an empty string.
{_DELETED}
local retention, told = ARGV[1], {{}}
for i = 2, #ARGV, 4 do
    local link = 'link:' .. ARGV[i]
    local events = link .. ':events'
    local known = redis.call('HGET', link, 'added')
    local id = known or ARGV[i + 1]
    if is_deleted(cjson.decode(ARGV[i + 2]).username, ARGV[i + 1]) then
        id = ''
    elseif id < (redis.call('HGET', link, 'retracted') or '') then
        id = redis.call('ZREVRANGEBYLEX', events, '+', '-', 'LIMIT', 0, 1)[1] or ''
    elseif not known then
        redis.call('HSET', link, 'added', id)
        redis.call('SET', 'event:' .. id, ARGV[i + 2], 'EXAT', ARGV[i + 3])
        redis.call('ZADD', events, 0, id)
        redis.call('EXPIRE', events, retention)
        redis.call('EXPIRE', link, retention)
    end
    told[#told + 1] = id
end
return told
"""

DELIVER: Final = f"""
-- KEYS: feeds. ARGV: feed size, retention, an id of now, then the entries
{_TRIM}
{_DELETED}
local members, readers = {{}}, {{}}
for i = 4, #ARGV do
    if not is_deleted(ARGV[i]:sub(38), ARGV[i]:sub(1, 36)) then
        members[#members + 1] = 0
        members[#members + 1] = ARGV[i]
    end
end
if #members == 0 then return end
local deleted = {{}}
if is_deleted('*', ARGV[3]) then
    for i, feed in ipairs(KEYS) do readers[i] = feed:sub(6) end
    deleted = redis.call('HMGET', 'deleted', unpack(readers))
end

-- Who was deleted is told nothing, but what the next account of that name follows by now.
local function followed_by(reader)
    local wanted = {{}}
    for i = 2, #members, 2 do
        if redis.call('SISMEMBER', 'following:' .. reader, members[i]:sub(38)) == 1 then
            wanted[#wanted + 1] = 0
            wanted[#wanted + 1] = members[i]
        end
    end
    return wanted
end

for i, feed in ipairs(KEYS) do
    local wanted = deleted[i] and followed_by(readers[i]) or members
    if #wanted > 0 then add(feed, tonumber(ARGV[1]), ARGV[2], wanted) end
end
"""

FOLLOW: Final = f"""
-- KEYS: the pair, following, its version, feed
-- ARGV: id, author, whether it begins, retention, whether it ends as an account is deleted,
--       an id of later
-- Returns whether it is so, as far as is known.
{_DELETED}
{_WATCH}
local pair, following, version, feed = unpack(KEYS)
local id, author, begins, retention = ARGV[1], ARGV[2], ARGV[3] == '1', ARGV[4]
local ended = ARGV[5] == '1'
local deleted = ended or is_deleted(author, id)
if id < (redis.call('GET', pair) or '') or (deleted and begins) then return 0 end
if is_deleted(feed:sub(6), ended and '' or id) then
    -- What came while the social graph still knew of it. If this is late, and the feed is of the
    -- next account already, that is rebuilt when it is read.
    if ended then
        redis.call('UNLINK', feed, following, version)
        watch(ARGV[6])
    end
    return 0
end
if not deleted then redis.call('SET', pair, id, 'EX', retention) end
redis.call('INCR', version)
redis.call('EXPIRE', version, retention)
if begins then
    redis.call('SADD', following, author)
    redis.call('EXPIRE', following, retention)
else
    redis.call('SREM', following, author)
    -- What is newer came because it began anew, which is yet to be heard of.
    for _, entry in ipairs(redis.call('ZRANGEBYLEX', feed, '-', '(' .. id)) do
        if entry:sub(38) == author then redis.call('ZREM', feed, entry) end
    end
end
return 1
"""

KNOW: Final = f"""
-- KEYS: following, its version, feed
-- ARGV: the version that it had, retention, an id of now, then the authors
-- Returns whether it still had that version.
{_DELETED}
local following, version, feed = unpack(KEYS)
local has = (redis.call('GET', 'began') or '') .. ' ' .. (redis.call('GET', version) or '')
if has ~= ARGV[1] then return 0 end
if is_deleted(feed:sub(6), ARGV[3]) then return 1 end
redis.call('DEL', following)
redis.call('SADD', following, '*')
for i = 4, #ARGV do
    if not is_deleted(ARGV[i], ARGV[3]) then redis.call('SADD', following, ARGV[i]) end
end
redis.call('EXPIRE', following, ARGV[2])
return 1
"""

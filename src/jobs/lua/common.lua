-- What all scripts of a queue share. KEYS[1] is what every key of the queue begins with, "bull:name:".
local P = KEYS[1]
local call = redis.call

-- Entries the stream of events keeps, about.
local function max_events(q)
    local n = call('HGET', q .. 'meta', 'opts.maxLenEvents')
    if not n then
        n = '10000'
        call('HSET', q .. 'meta', 'opts.maxLenEvents', n)
    end
    return n
end

local function tell(q, ...)
    call('XADD', q .. 'events', '*', 'event', ...)
end

local function tell_trimmed(q, ...)
    call('XADD', q .. 'events', 'MAXLEN', '~', max_events(q), '*', 'event', ...)
end

-- paused, and whether nothing may be taken (paused, or as many run as are allowed).
local function state(q)
    local m = call('HMGET', q .. 'meta', 'paused', 'concurrency')
    if m[1] then
        return true, true
    end
    return false, m[2] and call('LLEN', q .. 'active') >= tonumber(m[2])
end

local function ring(q)
    call('ZADD', q .. 'marker', 0, '0')
end

-- Whoever waits for the first delayed job is told when that is.
local function ring_later(q)
    local first = call('ZRANGE', q .. 'delayed', 0, 0, 'WITHSCORES')
    if first[2] then
        call('ZADD', q .. 'marker', string.format('%.0f', math.floor(tonumber(first[2]) / 4096)), '1')
    end
end

-- While the queue is paused new ones go to a list that neither version of BullMQ forgets when it is resumed.
local function wait_list(q, paused)
    return q .. (paused and 'paused' or 'wait')
end

local function put_prioritized(q, id, priority)
    local n = call('INCR', q .. 'pc')
    call('ZADD', q .. 'prioritized', string.format('%.0f', priority * 4294967296 + n % 4294967296), id)
end

-- Ready to be taken; front: next.
local function put_ready(q, id, priority, front)
    local paused, blocked = state(q)
    if priority > 0 then
        put_prioritized(q, id, priority)
    else
        call(front and 'RPUSH' or 'LPUSH', wait_list(q, paused), id)
    end
    if not blocked then
        ring(q)
    end
end

local function put_delayed(q, id, due)
    local low = due * 4096
    local at = low
    local last = call('ZREVRANGEBYSCORE', q .. 'delayed', string.format('%.0f', low + 4095), string.format('%.0f', low),
                      'WITHSCORES', 'LIMIT', 0, 1)
    if last[2] then
        at = math.min(tonumber(last[2]) + 1, low + 4095)
    end
    call('ZADD', q .. 'delayed', string.format('%.0f', at), id)
    tell_trimmed(q, 'delayed', 'jobId', id, 'delay', string.format('%.0f', due))
    ring_later(q)
end

local function priority_of(q, id)
    return tonumber(call('HGET', q .. id, 'priority') or 0) or 0
end

-- Delayed jobs whose time has come are ready.
local function promote(q, now)
    local due = call('ZRANGEBYSCORE', q .. 'delayed', 0, string.format('%.0f', (now + 1) * 4096 - 1), 'LIMIT', 0, 1000)
    if #due == 0 then
        return
    end
    local paused, blocked = state(q)
    for _, id in ipairs(due) do
        call('ZREM', q .. 'delayed', id)
        local priority = priority_of(q, id)
        if priority > 0 then
            put_prioritized(q, id, priority)
        else
            call('LPUSH', wait_list(q, paused), id)
        end
        tell(q, 'waiting', 'jobId', id, 'prev', 'delayed')
        call('HSET', q .. id, 'delay', 0)
    end
    if not blocked then
        ring(q)
    end
end

-- 0 when the job is held with this token, and is no longer; else what a worker is to be told.
local function let_go(id, token)
    if call('EXISTS', P .. id) == 0 then
        return -1
    end
    local lock = call('GET', P .. id .. ':lock')
    if lock ~= token then
        return lock and -6 or -2
    end
    call('DEL', P .. id .. ':lock')
    call('SREM', P .. 'stalled', id)
    return 0
end

local function delete_job(q, id)
    local k = q .. id
    call('DEL', k, k .. ':logs', k .. ':dependencies', k .. ':processed', k .. ':failed', k .. ':unsuccessful')
end

-- Why it failed, for people: one entry more, unless there is too much already. entry: a JSON string.
local function note_failure(id, reason, entry)
    local all = call('HGET', P .. id, 'stacktrace')
    if all and #all > 2 and #all < 16384 and string.sub(all, 1, 1) == '[' and string.sub(all, -1) == ']' then
        entry = string.sub(all, 1, -2) .. ',' .. entry .. ']'
    else
        entry = '[' .. entry .. ']'
    end
    call('HSET', P .. id, 'failedReason', reason, 'stacktrace', entry)
end

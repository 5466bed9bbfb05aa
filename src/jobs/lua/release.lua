-- id, token: it was not performed, and is the next. As finish.
local id = ARGV[1]
local code = let_go(id, ARGV[2])
if code ~= 0 then
    return code
end
if call('LREM', P .. 'active', 1, id) == 0 then
    return -3
end
local paused, blocked = state(P)
local priority = priority_of(P, id)
if priority > 0 then
    call('ZADD', P .. 'prioritized', string.format('%.0f', priority * 4294967296), id)
else
    call('RPUSH', wait_list(P, paused), id)
end
if not blocked then
    ring(P)
end
tell_trimmed(P, 'waiting', 'jobId', id, 'prev', 'active')
return 0

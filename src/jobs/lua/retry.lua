-- id, token, now, delay ms, lifo ('1'), reason, entry of the trace: an attempt has failed, and there are more. As finish.
local id, now, delay = ARGV[1], tonumber(ARGV[3]), tonumber(ARGV[4])
if delay == 0 then
    promote(P, now)
end
local code = let_go(id, ARGV[2])
if code ~= 0 then
    return code
end
note_failure(id, ARGV[6], ARGV[7])
if call('LREM', P .. 'active', -1, id) == 0 then
    return -3
end
call('HINCRBY', P .. id, 'atm', 1)
if delay > 0 then
    call('HSET', P .. id, 'delay', ARGV[4])
    put_delayed(P, id, now + delay)
else
    put_ready(P, id, priority_of(P, id), ARGV[5] == '1')
    tell_trimmed(P, 'waiting', 'jobId', id, 'prev', 'active')
end
return 0

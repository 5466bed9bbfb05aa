-- id: a failed job anew, with all its attempts. 0, -1 no such job among the failed.
local id = ARGV[1]
if call('EXISTS', P .. id) == 0 or call('ZREM', P .. 'failed', id) == 0 then
    return -1
end
call('HDEL', P .. id, 'finishedOn', 'processedOn', 'failedReason', 'atm', 'ats', 'stc', 'defa')
put_ready(P, id, priority_of(P, id), false)
tell_trimmed(P, 'waiting', 'jobId', id, 'prev', 'failed')
return 0

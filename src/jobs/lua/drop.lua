-- id, now: away with a failed job. 0, -1 no such job among the failed.
local id = ARGV[1]
if call('ZREM', P .. 'failed', id) == 0 then
    return -1
end
local f = call('HMGET', P .. id, 'deid', 'parentKey')
if f[1] then
    free_deduplication(id, f[1])
end
if f[2] and call('SREM', f[2] .. ':dependencies', P .. id) == 1 then
    wake_when_alone(f[2], tonumber(ARGV[2]))
end
delete_job(P, id)
tell_trimmed(P, 'removed', 'jobId', id, 'prev', 'failed')
return 0

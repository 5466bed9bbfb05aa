-- '1' or '0'. Ids of a paused queue are where neither version of BullMQ loses them; see wait_list.
local function move(from, to)
    if call('EXISTS', to) == 0 then
        if call('EXISTS', from) == 1 then
            call('RENAME', from, to)
        end
        return
    end
    while true do
        local some = call('LRANGE', from, 0, 999)
        if #some == 0 then
            return
        end
        call('RPUSH', to, unpack(some))
        call('LTRIM', from, 1000, -1)
    end
end

local paused = call('HEXISTS', P .. 'meta', 'paused') == 1
if ARGV[1] == '1' and not paused then
    move(P .. 'wait', P .. 'paused')
    call('HSET', P .. 'meta', 'paused', '1')
    call('DEL', P .. 'marker')
    tell(P, 'paused')
elseif ARGV[1] == '0' and paused then
    call('HDEL', P .. 'meta', 'paused')
    move(P .. 'paused', P .. 'wait')
    if call('LLEN', P .. 'wait') > 0 or call('ZCARD', P .. 'prioritized') > 0 then
        ring(P)
    else
        ring_later(P)
    end
    tell(P, 'resumed')
end
return 0

-- waiting, active, delayed, prioritized, completed, failed, paused, waiting-children, and 1 when the queue is paused.
return { call('LLEN', P .. 'wait'), call('LLEN', P .. 'active'), call('ZCARD', P .. 'delayed'),
         call('ZCARD', P .. 'prioritized'), call('ZCARD', P .. 'completed'), call('ZCARD', P .. 'failed'),
         call('LLEN', P .. 'paused'), call('ZCARD', P .. 'waiting-children'), call('HEXISTS', P .. 'meta', 'paused') }

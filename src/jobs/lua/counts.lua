-- waiting, active, delayed, prioritized, completed, failed, paused, waiting-children.
return { call('LLEN', P .. 'wait'), call('LLEN', P .. 'active'), call('ZCARD', P .. 'delayed'),
         call('ZCARD', P .. 'prioritized'), call('ZCARD', P .. 'completed'), call('ZCARD', P .. 'failed'),
         call('LLEN', P .. 'paused'), call('ZCARD', P .. 'waiting-children') }

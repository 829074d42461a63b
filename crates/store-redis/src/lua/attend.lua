if redis.call('HGET', A, 'gen') == GEN then redis.call('HSET', A, 'attended', digits(NOW)) end
return { 'ok' }

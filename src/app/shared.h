/* What this server shares with others through Redis: a client for each loop, for its share of users and
 * parties, and the node: the lease that says we live. Presence and parties are told when they may write
 * (presence_redis, party_redis); what dead servers have left behind is swept from here. Only with
 * app_options.redis_url. */
#ifndef APP_SHARED_H
#define APP_SHARED_H

#include "app/app.h"
#include "cluster/node.h"

/* Connects, behind presence_attach and party_attach, before the loops run. 0; SIO_EINVAL for the URL,
 * SIO_ENOMEM. */
int  shared_attach(app *a);
/* Gives the lease back and ends the connections. Before presence_detach and party_detach, after
 * sio_server_run returned. Also when there was no shared_attach. */
void shared_detach(app *a);

/* For telling everybody no more than is good for all servers together: how many they are, as far as is known;
 * any thread. */
unsigned shared_servers(const app *a);
/* Whether presence and viewers are those of all servers on every loop; any thread. */
bool     shared_is_in_use(const app *a);

#endif

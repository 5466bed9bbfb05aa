/* What a server counts. Each counter is declared here once, with the words for it.
 *
 *   COUNTER(member, "name", "labels", "help")   only grows
 *   GAUGE(member, "name", "labels", "help")     now
 *
 * Names and labels are as Prometheus wants them; rows of one name stand together and share their help. */
#ifndef SIO_STATS_H
#define SIO_STATS_H

#include <stddef.h>
#include <stdint.h>

#define SIO_STATS(COUNTER, GAUGE)                                                                           \
    GAUGE(clients_polling, "connections", "transport=\"polling\"", "Connections now.")                      \
    GAUGE(clients_websocket, "connections", "transport=\"websocket\"", "Connections now.")                  \
    GAUGE(clients_plain, "connections", "transport=\"plain\"", "Connections now.")                          \
    COUNTER(opened_polling, "connections_opened_total", "transport=\"polling\"", "Connections made.")       \
    COUNTER(opened_websocket, "connections_opened_total", "transport=\"websocket\"", "Connections made.")   \
    COUNTER(opened_plain, "connections_opened_total", "transport=\"plain\"", "Connections made.")           \
    COUNTER(upgraded, "connections_upgraded_total", "", "Connections that went from polling to WebSocket.") \
    COUNTER(closed_error, "connections_closed_total", "reason=\"transport error\"", "Connections ended.")   \
    COUNTER(closed_transport, "connections_closed_total", "reason=\"transport close\"",                     \
            "Connections ended.")                                                                           \
    COUNTER(closed_forced, "connections_closed_total", "reason=\"forced close\"", "Connections ended.")     \
    COUNTER(closed_ping, "connections_closed_total", "reason=\"ping timeout\"", "Connections ended.")       \
    COUNTER(closed_parse, "connections_closed_total", "reason=\"parse error\"", "Connections ended.")       \
    COUNTER(closed_shutdown, "connections_closed_total", "reason=\"server shutting down\"",                 \
            "Connections ended.")                                                                           \
    COUNTER(closed_slow, "connections_closed_total", "reason=\"slow_consumer\"", "Connections ended.")      \
    COUNTER(refused_transport, "requests_refused_total", "reason=\"transport\"",                            \
            "Engine.IO requests refused.")                                                                  \
    COUNTER(refused_sid, "requests_refused_total", "reason=\"session\"", "Engine.IO requests refused.")     \
    COUNTER(refused_method, "requests_refused_total", "reason=\"method\"", "Engine.IO requests refused.")   \
    COUNTER(refused_request, "requests_refused_total", "reason=\"request\"", "Engine.IO requests refused.") \
    COUNTER(refused_forbidden, "requests_refused_total", "reason=\"forbidden\"",                            \
            "Engine.IO requests refused.")                                                                  \
    COUNTER(refused_protocol, "requests_refused_total", "reason=\"protocol\"",                              \
            "Engine.IO requests refused.")                                                                  \
    COUNTER(refused_draining, "requests_refused_total", "reason=\"draining\"",                              \
            "Engine.IO requests refused.")                                                                  \
    COUNTER(relayed, "requests_relayed_total", "",                                                          \
            "Engine.IO requests for sessions of other servers, handed to those.")                           \
    GAUGE(sockets, "sockets", "", "Clients in namespaces now.")                                             \
    COUNTER(recovered, "sockets_recovered_total", "", "Clients that came back to the state they had.")      \
    COUNTER(guarded, "sockets_refused_total", "",                                                           \
            "Namespaces that clients were refused, by a guard or for their name.")                          \
    GAUGE(rooms, "rooms", "",                                                                               \
            "Rooms with members now; with members on several loops a room counts on each.")                 \
    COUNTER(events_in, "events_received_total", "", "Events from clients.")                                 \
    COUNTER(deliveries, "deliveries_total", "",                                                             \
            "Events handed to connections: one for each member of a room.")                                 \
    COUNTER(dropped_volatile, "dropped_total", "reason=\"volatile\"", "Events not delivered.")              \
    COUNTER(dropped_slow, "dropped_total", "reason=\"slow\"", "Events not delivered.")                      \
    COUNTER(dropped_unsent, "dropped_total", "reason=\"unsent\"", "Events not delivered.")                  \
    COUNTER(bad_packets, "bad_packets_total", "", "Connections closed for malformed packets.")              \
    COUNTER(refused_remote, "cluster_refused_total", "", "Malformed messages of other servers.")            \
    COUNTER(bytes_in, "bytes_received_total", "", "Bytes read from connections.")                           \
    COUNTER(bytes_out, "bytes_sent_total", "", "Bytes written to connections.")

/* Values up to bound[i] and over bound[i - 1] are counted in count[i], those over all in count[n]. */
#define SIO_HISTOGRAM_MAX 15
typedef struct sio_histogram {
    const uint32_t *bound;
    unsigned        n;
    uint64_t        count[SIO_HISTOGRAM_MAX + 1];
    uint64_t        sum;
} sio_histogram;

typedef struct sio_stats {
#define SIO_STATS_MEMBER(member, name, labels, help) uint64_t member;
    SIO_STATS(SIO_STATS_MEMBER, SIO_STATS_MEMBER)
#undef SIO_STATS_MEMBER
    sio_histogram turn_ms; /* how long a loop's turns took: what arrives meanwhile waits so long */
} sio_stats;

#endif

/* Addresses of nodes as text. */
#ifndef CLUSTER_LINK_ADDRESS_H
#define CLUSTER_LINK_ADDRESS_H

#include <stdbool.h>
#include <stddef.h>

/* "HOST:PORT" or "[IPv6]:PORT" into host (n bytes) and port 1 to 65535; false for anything else. */
bool link_address_read(const char *text, char *host, size_t n, int *port);
/* What others are told: HOST, IPv6, [IPv6], each with :PORT or not, and `port` where there is none. False
 * when it is no such thing or does not fit. */
bool link_address_write(const char *advertise, int port, char *out, size_t n);

#endif

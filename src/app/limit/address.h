/* Who is at the other end: addresses, and what proxies say of them. */
#ifndef APP_LIMIT_ADDRESS_H
#define APP_LIMIT_ADDRESS_H

#include "sio_val.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* IPv6, or IPv4 as ::ffff:a.b.c.d. */
typedef struct limit_address {
    uint8_t b[16];
} limit_address;

typedef struct limit_net {
    limit_address address;
    unsigned bits; /* of the 128 that count */
} limit_net;

/* "192.0.2.1", "2001:db8::1", with a port "192.0.2.1:80", "[2001:db8::1]:80", spaces around; false for
 * anything else. */
bool limit_address_read(sio_str text, limit_address *out);
/* An address or "10.0.0.0/8". */
bool limit_net_read(sio_str text, limit_net *out);
bool limit_net_has(const limit_net *net, const limit_address *a);
/* The client's address: that of the peer, or, while who says so is trusted, the next from the right of
 * `forwarded`, the value of X-Forwarded-For. What cannot be read ends the walk at who said it. */
void limit_address_client(limit_address *peer, sio_str forwarded, const limit_net *trusted, size_t n);
/* What of it stands for one client: all of IPv4, of IPv6 the network (64 bits), in which a host has
 * addresses at will. */
size_t limit_address_len(const limit_address *a);

#endif

/* Which addresses of the internet a stranger may make us talk to: Web Push endpoints are URLs that
 * clients give. */
#ifndef PUSH_PUSH_ADDRESS_H
#define PUSH_PUSH_ADDRESS_H

#include <stdbool.h>
#include <sys/socket.h>

/* An address of the public internet: not private, loopback, link-local, shared, multicast, reserved, for
 * documents, nor one that carries another in it (IPv4-mapped, 6to4, Teredo); of NAT64 (64:ff9b::/96) when the
 * address in it is public. */
bool push_address_is_public(const struct sockaddr *a, socklen_t n);
/* The same of text ("192.0.2.1", "2001:db8::1", "fe80::1%eth0"); false when it is no address. */
bool push_address_text_is_public(const char *text);
/* Whether text is an address at all: a host's name is none. */
bool push_address_is_literal(const char *text);

#endif

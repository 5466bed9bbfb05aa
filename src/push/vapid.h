/* Files of VAPID keys. */
#ifndef PUSH_VAPID_H
#define PUSH_VAPID_H

#include <stddef.h>

#define VAPID_PUBLIC_MAX 92 /* base64url of 65 bytes and a 0 byte */

/* Makes a key pair and writes the private key to a new file that only its owner can read. 0 and the public
 * key, or SIO_EEXIST, SIO_EIO with err: a file that is there is never touched. */
int vapid_make(const char *file, char public_key[VAPID_PUBLIC_MAX], char *err, size_t nerr);
/* The public key of the private one in a file: 0; SIO_ENOENT when there is none; SIO_EINVAL, SIO_EIO. */
int vapid_load(const char *file, char public_key[VAPID_PUBLIC_MAX], char *err, size_t nerr);

#endif

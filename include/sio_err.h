/* Error codes of libsio. Every function that can fail returns 0 (or a count) on success and one of
 * these, negative, on failure; out-parameters are untouched on failure. One line here gives the
 * enumerator, the code that travels in acks and logs, and the sentence for people. */
#ifndef SIO_ERR_H
#define SIO_ERR_H

#define SIO_ERRORS(X)                                                                              \
    X(SIO_ENOMEM,    -1, "no_memory",         "out of memory")                                     \
    X(SIO_EINVAL,    -2, "invalid",           "invalid argument")                                  \
    X(SIO_ETOOBIG,   -3, "too_big",           "larger than its limit")                             \
    X(SIO_EPARSE,    -4, "parse_error",       "malformed input")                                   \
    X(SIO_EIO,       -5, "io_error",          "input or output failed")                            \
    X(SIO_ECLOSED,   -6, "closed",            "the connection is closed")                          \
    X(SIO_ETIMEOUT,  -7, "timeout",           "operation has timed out")                           \
    X(SIO_ECANCELED, -8, "canceled",          "the operation was canceled")                        \
    X(SIO_EEXIST,    -9, "exists",            "exists already")                                    \
    X(SIO_ENOENT,    -10, "not_found",        "not found")                                         \
    X(SIO_ELIMIT,    -11, "limit",            "a limit was reached")                               \
    X(SIO_ESTATE,    -12, "bad_state",        "not possible in this state")                        \
    X(SIO_EADDR,     -13, "address",          "cannot listen on that address")                     \
    X(SIO_EFIELD,    -14, "bad_field",        "a field is missing or has the wrong type")         \
    X(SIO_EUNAVAILABLE, -15, "unavailable",   "not available at the moment")

enum sio_error {
#define SIO_ERR_ENUM_(name, value, code, text) name = value,
    SIO_ERRORS(SIO_ERR_ENUM_)
#undef SIO_ERR_ENUM_
};

#if defined(__GNUC__)
#pragma GCC visibility push(default)
#endif

/* The sentence for an error, "unknown error" for anything else. Static storage, any thread. */
const char *sio_strerror(int err);

/* The short machine code for an error, as it appears in acks: "timeout". Static storage, any thread. */
const char *sio_errcode(int err);

#if defined(__GNUC__)
#pragma GCC visibility pop
#endif

#endif

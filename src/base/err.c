#include "sio_err.h"

const char *sio_strerror(int err)
{
    switch (err) {
#define SIO_ERR_TEXT(name, value, code, text) case name: return text;
        SIO_ERRORS(SIO_ERR_TEXT)
#undef SIO_ERR_TEXT
    default:
        return "unknown error";
    }
}

const char *sio_errcode(int err)
{
    switch (err) {
#define SIO_ERR_CODE(name, value, code, text) case name: return code;
        SIO_ERRORS(SIO_ERR_CODE)
#undef SIO_ERR_CODE
    default:
        return "unknown";
    }
}

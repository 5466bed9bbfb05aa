/* An Engine.IO echo server: text and binary come back as they came. */
#include "eio_example.h"

static void on_message(eio_session *s, bool binary, char *p, size_t n)
{
    example_send(s, binary, p, n);
}

int main(void)
{
    eio_config config = example_config();

    config.on_message = on_message;
    return example_run(&config, 3000);
}

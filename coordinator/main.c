/* bfcoordinator: options, and the service. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "common/log.h"
#include "common/options.h"
#include "coordinator/config.h"
#include "coordinator/service.h"
#include "coordinator/tell.h"

struct options { const char *config; bool check, show, debug, version, help; };

static const struct bf_option table[] = {
    {"config", 'c', BF_OPT_STRING, offsetof(struct options, config), "FILE", "the coordinator's configuration"},
    {"check-config", 0, BF_OPT_FLAG, offsetof(struct options, check), NULL, "read the configuration, say what is wrong, and end"},
    {"show-config", 0, BF_OPT_FLAG, offsetof(struct options, show), NULL, "print each setting, its value and where it comes from, and end"},
    {"debug", 0, BF_OPT_FLAG, offsetof(struct options, debug), NULL, "log more"},
    {"version", 0, BF_OPT_FLAG, offsetof(struct options, version), NULL, "print the version"},
    {"help", 'h', BF_OPT_FLAG, offsetof(struct options, help), NULL, "print this page"},
};
#define N_OPTIONS (sizeof table / sizeof *table)

static int fail(enum bf_rc rc, const struct bf_error *err)
{
    fprintf(stderr, "bfcoordinator: %s\n", err->text);
    return bf_rc_exit(rc);
}

static int check_config(const char *path)
{
    struct coordinator_config config;
    struct bf_error err = {0};
    uint8_t public_key[ZAP_KEY_BYTES], secret[ZAP_KEY_BYTES] = {0};
    enum bf_rc rc = coordinator_config_read(path, &config, &err);
    if (rc == BF_OK)
        rc = tell_check(&config, path, &err);
    if (rc == BF_OK)
        rc = coordinator_key_read(config.key_file, public_key, secret, &err);
    explicit_bzero(secret, sizeof secret);
    coordinator_config_done(&config);
    if (rc != BF_OK)
        return fail(rc, &err);
    printf("%s is valid\n", path);
    return 0;
}

static int show_config(const char *path)
{
    struct coordinator_config config;
    struct bf_error err = {0};
    struct bf_buf text = {0};
    enum bf_rc rc = coordinator_config_read(path, &config, &err);
    if (rc == BF_OK) {
        coordinator_config_put(&config, path, &text);
        fputs(bf_buf_cstr(&text), stdout);
    }
    bf_buf_free(&text);
    coordinator_config_done(&config);
    return rc == BF_OK ? 0 : fail(rc, &err);
}

int main(int argc, char **argv)
{
    struct options options = {0};
    struct bf_error err = {0};
    size_t positional_n = 0;
    enum bf_rc rc = bf_options_parse(argc - 1, argv + 1, table, N_OPTIONS, &options, NULL, 0, &positional_n, NULL, NULL, &err);
    if (rc != BF_OK)
        return fail(rc, &err);
    if (options.help) {
        printf("Usage: bfcoordinator --config FILE\n\nKeeps backfills, schedules their steps, and gives them to agents.\n\n");
        bf_options_help(table, N_OPTIONS);
        return 0;
    }
    if (options.version) {
        printf("bfcoordinator %s\n", BF_VERSION);
        return 0;
    }
    if (!options.config) {
        bf_fail(&err, BF_USAGE, "--config FILE is missing; bfctl init --dir DIR makes a configuration");
        return fail(BF_USAGE, &err);
    }
    if (options.check)
        return check_config(options.config);
    if (options.show)
        return show_config(options.config);
    bf_log_open("coordinator", options.debug ? BF_LOG_DEBUG : BF_LOG_INFO);
    service_block_signals();
    rc = service_run(options.config, &err);
    if (rc == BF_OK)
        return 0;
    bf_error_log("start_failed", "why=%s", bf_log_quote(err.text));
    return fail(rc, &err);
}

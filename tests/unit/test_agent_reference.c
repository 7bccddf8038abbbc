/* References and what carries them: variables and secrets by name, the environment that passes, the input of a helper. */
#include <criterion/criterion.h>
#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/environ.h"
#include "agent/helper.h"
#include "agent/reference.h"
#include "common/files.h"
#include "common/mem.h"
#include "common/text.h"

static char *allowed[] = {"SHOWN", "UNSET"}, *connections[] = {"DSN", "LATIN", "LC_SECRET"};
static char *secrets[] = {"fx/api_key", "plain", "line", "two", "nul", "latin", "long", "longest", "missing", "folder", "pipe", "out",
                          "away", "k8s", "var",
                          "var_unset", "empty"};
static char *secret_keys[] = {"var", "var_unset"}, *secret_values[] = {"SECRET_VARIABLE", "SECRET_UNSET"};
static const char *const own[] = {"PATH=/bin", "SHOWN=shown", "DSN=host=db;PWD=canary", "LATIN=\xe9" "canary", "HIDDEN=canary",
                                  "SECRET_VARIABLE=canary two",
                                  "LC_SECRET=canary", "LC_TIME=C", "HOME=/root", "ODBCSYSINI=/etc", "https_proxy=http://proxy",
                                  "SSL_CERT_FILE=/c", NULL};

#define N(a) (sizeof(a) / sizeof *(a))

static struct agent_config config_of(char *folder)
{
    return (struct agent_config){.name = "a1", .allow_env = {allowed, N(allowed)}, .connection_env = {connections, N(connections)},
                                 .allow_secrets = {secrets, N(secrets)}, .secret_env = {secret_keys, secret_values, 2},
                                 .secrets_dir = folder};
}

static void put_file(const char *folder, const char *name, const void *p, size_t n)
{
    struct bf_error err = {0};
    BF_AUTO_FREE char *path = bf_path_join(folder, name);
    cr_assert_eq(bf_file_write(path, p, n, 0600, &err), BF_OK, "%s", err.text);
}

/* A folder of secrets as people and systems make them; links as Kubernetes mounts them. */
static void fill_folder(char *folder)
{
    static char bytes[SECRET_MAX_BYTES + 2];
    char path[256];
    memset(bytes, 'x', sizeof bytes);
    bytes[SECRET_MAX_BYTES] = '\n';
    cr_assert_not_null(mkdtemp(folder));
    for (size_t i = 0; i < 3; i++) {
        static const char *const folders[] = {"fx", "folder", "..2024"};
        snprintf(path, sizeof path, "%s/%s", folder, folders[i]);
        cr_assert_eq(mkdir(path, 0700), 0);
    }
    put_file(folder, "fx/api_key", "canary", 6);
    put_file(folder, "plain", "canary ${env:DSN}", 17);
    put_file(folder, "line", "canary\n", 7);
    put_file(folder, "two", "canary\n\n", 8);
    put_file(folder, "nul", "can\0ary", 7);
    put_file(folder, "latin", "canary\xe9", 7);
    put_file(folder, "long", bytes, SECRET_MAX_BYTES + 1);
    put_file(folder, "longest", bytes, SECRET_MAX_BYTES);
    put_file(folder, "unlisted", "canary", 6);
    put_file(folder, "empty", "", 0);
    put_file(folder, "..2024/k8s", "canary", 6);
    snprintf(path, sizeof path, "%s/pipe", folder);
    cr_assert_eq(mkfifo(path, 0600), 0);
    const struct { const char *name, *to; } links[] = {{"out", "/etc/passwd"}, {"away", "../../etc/passwd"}, {"..data", "..2024"},
                                                       {"k8s", "..data/k8s"}};
    for (size_t i = 0; i < N(links); i++) {
        snprintf(path, sizeof path, "%s/%s", folder, links[i].name);
        cr_assert_eq(symlink(links[i].to, path), 0);
    }
}

static void remove_folder(const char *folder)
{
    char words[128];
    snprintf(words, sizeof words, "rm -rf %s", folder);
    (void)!system(words);
}

struct reference_case { const char *text; enum bf_rc rc; const char *says; };

static void expect_references(const struct agent_config *config, const struct reference_case *cases, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct bf_buf out = {0};
        struct bf_error err = {0};
        cr_expect_eq(reference_resolve(config, cases[i].text, own, &out, NULL, &err), cases[i].rc, "%s: %s", cases[i].text, err.text);
        if (cases[i].rc == BF_OK)
            cr_expect_str_eq(bf_buf_cstr(&out), cases[i].says, "%s: %s", cases[i].text, bf_buf_cstr(&out));
        else
            cr_expect(strstr(err.text, cases[i].says), "%s: %s", cases[i].text, err.text);
        cr_expect_null(strstr(err.text, "canary"), "%s", err.text);
        cr_expect(cases[i].rc == BF_OK || strstr(err.text, "a1") || strstr(err.text, "closing brace"), "names no agent: %s", err.text);
        secret_wipe(&out);
    }
}

Test(agent_reference, variables)
{
    static const struct reference_case cases[] = {
        {"plain", BF_OK, "plain"}, {"", BF_OK, ""}, {"${env:DSN}", BF_OK, "host=db;PWD=canary"}, {"${env:SHOWN}", BF_OK, "shown"},
        {"a;${env:SHOWN};b=${env:SHOWN}", BF_OK, "a;shown;b=shown"}, {"$DSN $(id) ${other:DSN} ${", BF_OK, "$DSN $(id) ${other:DSN} ${"},
        {"${env:HIDDEN}", BF_DENIED, "variable HIDDEN is not allowed on agent a1: list it in `connection_env`"},
        {"${env:UNSET}", BF_NOT_FOUND, "variable UNSET is allowed (`allow_env`) but not set on agent a1"},
        {"${env:LATIN}", BF_INVALID, "variable LATIN (`connection_env`) of agent a1 is no UTF-8 text"},
        {"${env:SECRET_VARIABLE}", BF_DENIED, "not allowed"},
        {"${env:DSN", BF_INVALID, "no closing brace: write `${env:NAME}`"}, {"${env:}", BF_DENIED, "not allowed"},
        {"x${secret:var", BF_INVALID, "no closing brace: write `${secret:NAME}`"},
    };
    struct agent_config config = config_of(NULL);
    expect_references(&config, cases, N(cases));
}

Test(agent_reference, secrets)
{
    static const struct reference_case cases[] = {
        {"Bearer ${secret:fx/api_key}", BF_OK, "Bearer canary"}, {"${secret:line}", BF_OK, "canary"}, {"${secret:two}", BF_OK, "canary\n"},
        {"${secret:plain}", BF_OK, "canary ${env:DSN}"}, {"${secret:k8s}", BF_OK, "canary"}, {"${secret:empty}", BF_OK, ""},
        {"${secret:var} ${env:SHOWN}", BF_OK, "canary two shown"},
        {"${secret:var_unset}", BF_NOT_FOUND, "SECRET_UNSET is allowed (`secret_env`) but not set on agent a1"},
        {"${secret:unlisted}", BF_DENIED, "secret unlisted is not allowed on agent a1: list it in `allow_secrets`"},
        {"${secret:missing}", BF_NOT_FOUND, "secret missing is allowed on agent a1, but there is no such file in its `secrets_dir`"},
        {"${secret:nul}", BF_INVALID, "secret nul on agent a1, in its `secrets_dir`, holds a NUL"},
        {"${secret:latin}", BF_INVALID, "is no UTF-8 text"}, {"${secret:long}", BF_LIMIT, "more than 64 KiB"},
        {"${secret:longest}${secret:longest}${secret:fx/api_key}", BF_LIMIT, "over 128 KiB"},
        {"${secret:folder}", BF_INVALID, "no regular file"}, {"${secret:pipe}", BF_INVALID, "no regular file"},
        {"${secret:out}", BF_DENIED, "a link that leaves its `secrets_dir`"},
        {"${secret:away}", BF_DENIED, "a link that leaves its `secrets_dir`"},
        {"${secret:../etc/passwd}", BF_INVALID, "no name of a secret"}, {"${secret:/etc/passwd}", BF_INVALID, "no name of a secret"},
        {"${secret:fx//api_key}", BF_INVALID, "no name"}, {"${secret:.hidden}", BF_INVALID, "no name"},
        {"${secret:fx/.hidden}", BF_INVALID, "no name"},
        {"${secret:}", BF_INVALID, "no name"}, {"${secret:a b}", BF_INVALID, "no name"}, {"${secret:fx/}", BF_INVALID, "no name"},
    };
    char folder[] = "/tmp/bf-secrets-XXXXXX";
    fill_folder(folder);
    struct agent_config config = config_of(folder);
    expect_references(&config, cases, N(cases));
    config.secrets_dir = NULL;
    static const struct reference_case without[] = {{"${secret:plain}", BF_NOT_FOUND, "no place for it: set `secrets_dir`"}};
    expect_references(&config, without, 1);
    remove_folder(folder);
}

/* What grows leaves nothing behind: the bytes that were given back are overwritten. */
Test(agent_reference, growing_keeps_what_is_there)
{
    struct bf_buf b = {0};
    for (unsigned i = 0; i < 5000; i++) {
        secret_reserve(&b, 1);
        bf_buf_put_u8(&b, (uint8_t)('a' + i % 26));
    }
    for (unsigned i = 0; i < 5000; i++)
        cr_assert_eq(b.data[i], 'a' + i % 26);
    secret_wipe(&b);
    cr_expect_null(b.data);
}

/* --- the environment -------------------------------------------------------------------------------------------------- */

Test(agent_environ, each_kind_gets_what_it_needs_and_no_more)
{
    static char *proxy_too[] = {"SHOWN", "https_proxy"};
    static const struct { enum step_kind kind; bool proxy_allowed; const char *name; bool there; } cases[] = {
        {STEP_RUN, false, "SHOWN", true}, {STEP_RUN, false, "DSN", false}, {STEP_RUN, false, "HIDDEN", false},
        {STEP_RUN, false, "SECRET_VARIABLE", false},
        {STEP_RUN, false, "LC_SECRET", false}, {STEP_RUN, false, "LC_TIME", true}, {STEP_RUN, false, "PLANNED", true},
        {STEP_RUN, false, "ODBCSYSINI", false},
        {STEP_SQL, false, "SHOWN", false}, {STEP_SQL, false, "DSN", false}, {STEP_SQL, false, "PLANNED", false},
        {STEP_SQL, false, "ODBCSYSINI", true},
        {STEP_SQL, false, "LC_SECRET", false}, {STEP_SQL, false, "LC_TIME", true}, {STEP_SQL, false, "PATH", true},
        {STEP_SQL, false, "HOME", true},
        {STEP_SQL, true, "https_proxy", false}, {STEP_HTTP, false, "https_proxy", false}, {STEP_HTTP, true, "https_proxy", true},
        {STEP_HTTP, true, "SHOWN", false}, {STEP_HTTP, false, "SSL_CERT_FILE", true}, {STEP_SQL, false, "BF_ATTEMPT", true},
        {STEP_SQL, false, "BF_FENCING_TOKEN", true}, {STEP_SQL, false, "BF_RESULT", true}, {STEP_SQL, false, "BF_DEADLINE", true},
    };
    for (size_t i = 0; i < N(cases); i++) {
        struct step_env planned[] = {{"PLANNED", "1"}};
        struct assignment a = {.kind = cases[i].kind, .step = "s", .run_id = "1/s", .env = planned, .n_env = 1};
        struct agent_config config = config_of(NULL);
        struct bf_arena arena = {0};
        if (cases[i].proxy_allowed)
            config.allow_env = (struct bf_strings){proxy_too, 2};
        const char *const *env = environ_build(&config, &a, own, "/result", 1000000, &arena);
        cr_expect_eq(environ_get(env, cases[i].name) != NULL, cases[i].there, "kind %d: %s", (int)cases[i].kind, cases[i].name);
        bf_arena_free(&arena);
    }
}

/* --- the input of a helper -------------------------------------------------------------------------------------------- */

static struct assignment call(const char *spec, struct step_ref *refs, size_t n)
{
    return (struct assignment){.ref = {41, UINT64_C(4294967297)}, .cluster = "c0", .backfill = 7, .run = 2, .plan = "p\"q", .step = "load",
                               .partition = "2024-01-31", .run_id = "c0-bf-7/load/2024-01-31/2", .kind = STEP_HTTP, .timebox_ms = 60000,
                               .spec = spec,
                               .refs = refs, .n_refs = n};
}

static json_t *read_input(int fd)
{
    char text[4096];
    ssize_t n = read(fd, text, sizeof text);
    cr_assert(n > 0 && n < (ssize_t)sizeof text);
    json_error_t wrong;
    json_t *root = json_loadb(text, (size_t)n, JSON_REJECT_DUPLICATES, &wrong);
    cr_assert_not_null(root, "%s: %.*s", wrong.text, (int)n, text);
    close(fd);
    return root;
}

Test(agent_helper, input_is_the_specification_with_ids_and_what_was_resolved)
{
    struct step_ref refs[] = {{"header:Authorization", "Bearer ${secret:var}"}, {"odbc", "a\"\\\n;${env:DSN}"}};
    static const char *const specs[] = {"{}", " { } ", "{\"url\":\"http://x\",\"within\":0.0001}", "{ \"url\" : [1, {\"a\": null}] }\n"};
    const struct agent_config config = config_of(NULL);
    for (size_t i = 0; i < N(specs); i++)
        for (size_t n = 0; n <= 2; n++) {
            struct assignment a = call(specs[i], refs, n);
            struct bf_error err = {0};
            int fd = -1;
            cr_assert_eq(helper_open_input(&config, &a, own, 0, &fd, &err), BF_OK, "%s", err.text);
            json_t *root = read_input(fd), *resolved = json_object_get(root, "resolved"), *spec = json_loads(specs[i], 0, NULL);
            cr_expect_eq(json_integer_value(json_object_get(root, "token")), INT64_C(4294967297));
            cr_expect_str_eq(json_string_value(json_object_get(root, "plan")), "p\"q");
            cr_expect_str_eq(json_string_value(json_object_get(root, "run_id")), "c0-bf-7/load/2024-01-31/2");
            cr_expect_eq(json_integer_value(json_object_get(root, "timebox_ms")), 60000);
            cr_expect_eq(json_object_size(resolved), n);
            if (n > 0)
                cr_expect_str_eq(json_string_value(json_object_get(resolved, "header:Authorization")), "Bearer canary two");
            if (n > 1)
                cr_expect_str_eq(json_string_value(json_object_get(resolved, "odbc")), "a\"\\\n;host=db;PWD=canary");
            cr_expect(json_equal(json_object_get(root, "url"), json_object_get(spec, "url")) || !json_object_get(spec, "url"));
            cr_expect_eq(json_object_size(root), 11 + json_object_size(spec));
            json_decref(spec);
            json_decref(root);
        }
}

Test(agent_helper, a_warehouse_is_told_which_values_were_put_in)
{
    struct step_ref refs[] = {{"odbc", "Driver={${env:DSN}};Port=${secret:var};PWD=plain"}};
    const struct agent_config config = config_of(NULL);
    struct assignment a = call("{}", refs, 1);
    struct bf_error err = {0};
    int fd = -1;
    a.kind = STEP_SQL;
    cr_assert_eq(helper_open_input(&config, &a, own, 0, &fd, &err), BF_OK, "%s", err.text);
    json_t *root = read_input(fd), *want = json_pack("[{sbss}{sbss}]", "secret", 0, "value", "host=db;PWD=canary", "secret", 1, "value",
                                                     "canary two");
    cr_expect(json_equal(json_object_get(root, "substituted"), want));
    json_decref(want);
    json_decref(root);
}

Test(agent_helper, what_cannot_be_told_is_refused)
{
    static struct step_ref denied[] = {{"odbc", "${env:HIDDEN}"}};
    static const struct { const char *spec; size_t n_refs; enum bf_rc rc; const char *says; } cases[] = {
        {"{\"a\":}", 0, BF_INVALID, "specification of step load is no JSON object: "},
        {"{\"a\":1,\"a\":2}", 0, BF_INVALID, "duplicate"},
        {"{\"token\":9}", 0, BF_INVALID, "has the key `token`"},
        {"{\"resolved\":{}}", 0, BF_INVALID, "has the key `resolved`"},
        {"{\"substituted\":[]}", 0, BF_INVALID, "has the key `substituted`"},
        {"{}", 1, BF_DENIED, "HIDDEN is not allowed on agent a1"},
    };
    const struct agent_config config = config_of(NULL);
    for (size_t i = 0; i < N(cases); i++) {
        struct assignment a = call(cases[i].spec, denied, cases[i].n_refs);
        struct bf_error err = {0};
        int fd = -1;
        cr_expect_eq(helper_open_input(&config, &a, own, 0, &fd, &err), cases[i].rc, "%s: %s", cases[i].spec, err.text);
        cr_expect(strstr(err.text, cases[i].says), "%s: %s", cases[i].spec, err.text);
        cr_expect_eq(fd, -1);
    }
}

Test(agent_helper, too_much_is_refused)
{
    static char text[] = "${secret:longest}";
    static struct step_ref refs[17];
    static char names[17][8];
    char folder[] = "/tmp/bf-secrets-XXXXXX";
    fill_folder(folder);
    const struct agent_config config = config_of(folder);
    for (size_t i = 0; i < N(refs); i++) {
        snprintf(names[i], sizeof names[i], "r%zu", i);
        refs[i] = (struct step_ref){names[i], text};
    }
    struct assignment a = call("{}", refs, N(refs));
    struct bf_error err = {0};
    int fd = -1;
    cr_expect_eq(helper_open_input(&config, &a, own, 0, &fd, &err), BF_LIMIT, "%s", err.text);
    cr_expect(strstr(err.text, "more than 1 MiB on agent a1"), "%s", err.text);
    a.n_refs = 16;
    cr_expect_eq(helper_open_input(&config, &a, own, 0, &fd, &err), BF_OK, "%s", err.text);
    close(fd);
    remove_folder(folder);
}

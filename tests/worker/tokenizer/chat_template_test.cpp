// The template interpreter against what Jinja2 3.1 with transformers' settings gives (worked out with it).
#include "worker/tokenizer/chat_template.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

namespace lacuna {
namespace {

using ::testing::HasSubstr;
using Json = nlohmann::ordered_json;

const Json kMessages =
    Json::parse(R"([{"role": "system", "content": "S"}, {"role": "user", "content": " U é "}])");

std::string render(const std::string& source, const Json& messages = kMessages, const Json& tools = nullptr) {
  return ChatTemplate::parse(source, {{"bos_token", "<s>"}}, "T").render(messages, true, tools);
}

// The message that the template raises.
std::string raised(const std::string& source, const Json& messages = kMessages) {
  try {
    return "rendered: " + render(source, messages);
  } catch (const ChatTemplateError& error) {
    return error.message();
  }
}

// Why the template is not taken at all.
std::string refused(const std::string& source) {
  try {
    return "rendered: " + render(source);
  } catch (const ChatTemplateError& error) {
    return "raised: " + error.message();
  } catch (const InputError& error) {
    return error.what();
  }
}

TEST(ChatTemplateWhiteSpace, TrimsLineEndsAfterAndIndentsBeforeBlocks) {
  EXPECT_EQ(render("a\n  {% if true %}\n  b\n  {% endif %}\nc\n"), "a\n  b\nc");
  EXPECT_EQ(render("  {# note #}\nx"), "x");
  EXPECT_EQ(render("a {% if true %} b {% endif %} c"), "a  b  c");
  EXPECT_EQ(render("  {{ 1 }}\n{{ 2 }}\n\n"), "  1\n2\n");  // outputs keep both; one line end at the end goes
  EXPECT_EQ(render("{% if true %}\n\nx{% endif %}"), "\nx");
}

TEST(ChatTemplateWhiteSpace, SignsOverrule) {
  EXPECT_EQ(render("a \n {%- if true -%} \n b \n {%- endif %}\n c"), "ab c");
  EXPECT_EQ(render("a\n  {%+ if true +%}\nb{% endif %}"), "a\n  \nb");
  EXPECT_EQ(render("a \n{{- 1 -}}\n b"), "a1b");
  EXPECT_EQ(render("a\n {#- c -#} \nb"), "ab");
  EXPECT_EQ(render("a\u00a0\x1c{{- 1 }}"), "a1");  // Python's white space
}

TEST(ChatTemplateWhiteSpace, LineEndsBecomeOne) {
  EXPECT_EQ(render("a\r\nb\rc{{ '\r\n'|length }}\r\n"), "a\nb\nc1");
}

TEST(ChatTemplateExpressions, FollowJinjasPrecedence) {
  EXPECT_EQ(render("{{ 'a' + 'b' * 2 ~ 'c' }}"), "abbc");               // * before ~ before +
  EXPECT_EQ(render("{{ 'a' + ' b '|trim + 'c' }}"), "abc");             // filters first
  EXPECT_EQ(render("{{ 1 + 1 == 2 and not 1 == 2 }}"), "True");         // + before == before not before and
  EXPECT_EQ(render("{{ 1 or 0 and 0 }}{{ -3|string|length }}"), "12");  // and before or; minus before filters
  EXPECT_EQ(render("{{ 'x' if 0 else 'y' if 1 else 'z' }}"), "y");
}

TEST(ChatTemplateExpressions, Arithmetic) {
  EXPECT_EQ(render("{{ 1 + 2 * 3 - 4 % 3 }} {{ 7 // 2 }} {{ -7 // 2 }} {{ -7 % 3 }} {{ 7 / 2 }} {{ 6 / 2 }}"),
            "6 3 -4 2 3.5 3.0");
  EXPECT_EQ(render("{{ 2 * 'ab' }}{{ [1] + [2] }}{{ 1.0 }}{{ 1e16 }}{{ 1e-5 }}{{ 0.1 + 0.2 }}"),
            "abab[1, 2]1.01e+161e-050.30000000000000004");
  EXPECT_EQ(render("{{ 1 ~ 'a' ~ none ~ nope }}"), "1aNone");
}

TEST(ChatTemplateExpressions, ComparisonsAndLogic) {
  EXPECT_EQ(
      render("{{ 1 < 2 < 3 }} {{ 1 < 3 < 2 }} {{ 'a' in 'cat' }} {{ 4 not in [1, 2] }} {{ true == 1 }}"),
      "True False True True True");
  EXPECT_EQ(render("{{ 0 or 'd' }} {{ 1 and 2 }} {{ not 1 }} {{ 'y' if false else 'n' }} {{ 'y' if false }}"),
            "d 2 False n ");
  EXPECT_EQ(render("{{ {'a': 1, 'b': [2]} == {'b': [2.0], 'a': true} }} {{ (1, 2) == [1, 2] }}"),
            "True False");
  EXPECT_EQ(
      render("{{ not nope is defined }} {{ messages is not none }} {{ 3 is odd and 4 is divisibleby 2 }}"),
      "True True True");
}

TEST(ChatTemplateExpressions, SlicesCountCodePoints) {
  EXPECT_EQ(render("{{ 'aé漢😀'[1:3] }}{{ 'aé漢😀'[-1] }}{{ 'abcdef'[::-2] }}{{ 'abc'[5:] }}{{ 'aé'|length }}"),
            "é漢😀fdb2");
  EXPECT_EQ(render("{{ [1, 2, 3][:-1] }}{{ messages[1:]|length }}{{ messages[-1].role }}"), "[1, 2]1user");
}

TEST(ChatTemplateExpressions, StringsUndoPythonsEscapes) {
  EXPECT_EQ(render(R"({{ '\n\t\\\'\x41\u00e9\U0001F600\101\q' "joined" }})"),
            "\n\t\\'A\u00e9\U0001F600A\\qjoined");
  EXPECT_EQ(render("{{ '{{' }}{{ \"%}\" }}"), "{{%}");
}

TEST(ChatTemplateExpressions, MissingThingsAreUndefined) {
  EXPECT_EQ(render("[{{ nope }}{{ messages[0].nope }}{{ messages[9] }}{{ none.x }}]"), "[]");
  EXPECT_EQ(raised("{{ nope.x }}"), "'nope' is undefined");
  EXPECT_EQ(raised("{{ messages[0].nope + 'a' }}"), "'dict object' has no attribute 'nope'");
  EXPECT_EQ(raised("{{ messages[9]['role'] }}"), "list object has no element 9");
  EXPECT_EQ(raised("{{ 'a' + none }}"), "can only concatenate str (not \"NoneType\") to str");
  EXPECT_EQ(raised("{{ 1 + 'a' }}"), "unsupported operand type(s) for +: 'int' and 'str'");
  EXPECT_EQ(raised("{{ 5|length }}"), "object of type 'int' has no len()");
  EXPECT_EQ(raised("{% for x in none %}{% endfor %}"), "'NoneType' object is not iterable");
}

TEST(ChatTemplateStatements, LoopsKnowWhereTheyAre) {
  EXPECT_EQ(render("{% for x in 'abc' %}{{ loop.index }}{{ loop.index0 }}{{ loop.revindex }}{{ loop.first }}"
                   "{{ loop.last }}{{ loop.length }}{{ loop.previtem }}{{ loop.nextitem }};{% endfor %}"),
            "103TrueFalse3b;212FalseFalse3ac;321FalseTrue3b;");
  EXPECT_EQ(
      render("{% for x in [1, 2, 3, 4] if x is even %}{{ x }}{{ loop.length }}{{ loop.last }} {% endfor %}"),
      "22False 42True ");
  EXPECT_EQ(render("{% for x in [] %}a{% else %}none{% endfor %}"), "none");
  EXPECT_EQ(render("{% for k, v in messages[0].items() if k != 'role' %}{{ k }}={{ v }}{% endfor %}"),
            "content=S");
}

TEST(ChatTemplateStatements, SetStaysInItsLoopButNotInItsIf) {
  EXPECT_EQ(
      render("{% set x = 1 %}{% for i in [1, 2] %}{{ x }}{% set x = i + 5 %}{{ x }} {% endfor %}{{ x }}"),
      "16 17 1");
  EXPECT_EQ(render("{% if true %}{% set y = 2 %}{% endif %}{{ y }}"), "2");
  EXPECT_EQ(render("{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}{% endfor "
                   "%}{{ ns.n }}"),
            "2");
  EXPECT_EQ(render("{% set x %}a{{ 1 }}{% endset %}[{{ x }}]"), "[a1]");
}

TEST(ChatTemplateFilters, Json) {
  const Json messages =
      Json::parse(R"([{"z": "é\"\\/<\n\u0001", "a": [1, 2.0, null, true, {}], "m": {"k": []}}])");
  EXPECT_EQ(render("{{ messages[0]|tojson }}", messages),
            "{\"z\": \"é\\\"\\\\/<\\n\\u0001\", \"a\": [1, 2.0, null, true, {}], \"m\": {\"k\": []}}");
  EXPECT_EQ(render("{{ [1, {'a': 2}]|tojson(indent=2) }}"), "[\n  1,\n  {\n    \"a\": 2\n  }\n]");
  EXPECT_EQ(raised("{{ nope|tojson }}"), "Object of type Undefined is not JSON serializable");
}

TEST(ChatTemplateFilters, PythonText) {
  const Json messages =
      Json::parse(R"([{"a": "it's", "b": "q\"'", "c": "\u200b\u00e9\n", "d": [1.5, null, false]}])");
  EXPECT_EQ(render("{{ messages[0] }}", messages),
            "{'a': \"it's\", 'b': 'q\"\\'', 'c': '\\u200bé\\n', 'd': [1.5, None, False]}");
  EXPECT_EQ(render("{{ (1,) }}{{ (1, 'a') }}{{ [] }}{{ {} }}"), "(1,)(1, 'a')[]{}");
}

TEST(ChatTemplateFilters, TrimTakesPythonsWhiteSpace) {
  const Json messages = Json::parse("[\" \\u001c\\u0085\\u3000x\\ufeff \\u200b\\n\"]");
  EXPECT_EQ(render("{{ messages[0]|trim }}", messages), "x\ufeff \u200b");
  EXPECT_EQ(render("{{ none|trim }}{{ nope|trim }}{{ 5|trim }}"), "None5");
  EXPECT_EQ(render("{{ 'xxaxx'|trim('x') }}"), "a");
}

TEST(ChatTemplateFilters, OverLists) {
  EXPECT_EQ(render("{{ messages|selectattr('role', 'equalto', 'user')|list|length }}"), "1");
  EXPECT_EQ(render("{{ messages|rejectattr('role', 'equalto', 'user')|map(attribute='role')|join(',') }}"),
            "system");
  EXPECT_EQ(render("{{ [3, 1]|first }}{{ [3, 1]|last }}{{ nope|default('d') }}{{ ''|default('e', true) }}"),
            "31de");
  EXPECT_EQ(render("{{ 'a-b'.split('-') }}{{ ' a '.strip() }}{{ 'aXbX'|replace('X', 'y') }}{{ "
                   "'ab'.startswith('a') }}"),
            "['a', 'b']aaybyTrue");
}

TEST(ChatTemplateErrors, RaiseException) {
  EXPECT_EQ(raised("{{ raise_exception('No: ' ~ messages[0].role) }}"), "No: system");
  try {
    render("\n\n{% if true %}\n  {{ raise_exception('x') }}{% endif %}");
    FAIL() << "should raise";
  } catch (const ChatTemplateError& error) {
    EXPECT_THAT(error.what(), HasSubstr("line 4"));
  }
}

TEST(ChatTemplateErrors, NameTheLineOfWhatIsNotSupported) {
  EXPECT_THAT(refused("\n\n{% macro f() %}{% endmacro %}"),
              HasSubstr("line 3 of the template: the tag `macro`"));
  EXPECT_THAT(refused("{{ 1|wordwrap }}"), HasSubstr("filter `wordwrap`"));
  EXPECT_THAT(refused("{{ 1 is escaped }}"), HasSubstr("test `escaped`"));
  EXPECT_THAT(refused("{{ 'a'.title() }}"), HasSubstr("method `title`"));
  EXPECT_THAT(refused("{{ 'a'|tojson(sort_keys=true) }}"), HasSubstr("`sort_keys`"));
  EXPECT_THAT(refused("{{ 2 ** 3 }}"), HasSubstr("**"));
  EXPECT_THAT(refused("{% for x in [1] recursive %}{% endfor %}"), HasSubstr("recursive"));
  EXPECT_THAT(refused("{{ 'é'|upper }}"), HasSubstr("ASCII"));
}

TEST(ChatTemplateErrors, MalformedTemplates) {
  for (const char* const source : {"{{ 1",
                                   "{{ }}",
                                   "{% if true %}a",
                                   "{% endif %}",
                                   "{% else %}",
                                   "{{ 'a }}",
                                   "{# a",
                                   "{{ (1 }}",
                                   "{{ 1 1 }}",
                                   "{%",
                                   "{{",
                                   "{% set = 1 %}",
                                   "{% set true = 1 %}",
                                   "{% for in x %}{% endfor %}",
                                   "{{ a. }}",
                                   "{{ a| }}",
                                   "{{ a is }}",
                                   "{{ [1, }}",
                                   "{{ {1} }}",
                                   "{{ '\\xg' }}",
                                   "{{ 99999999999999999999 }}",
                                   "{{ $ }}",
                                   "{% if %}{% endif %}",
                                   "{{ a[1:2:3:4] }}",
                                   "{{ f(a=1, 2) }}",
                                   "{% set loop = 1 %}"}) {
    EXPECT_THAT(refused(source), HasSubstr("line 1 of the template")) << source;
  }
}

TEST(ChatTemplateErrors, EndsWhatWouldRunAway) {
  const auto is_limited = [](const std::string& source, const char* why) {
    EXPECT_THAT(refused(source), HasSubstr(why));
  };
  is_limited(
      "{% set ns = namespace(s='aaaaaaaaaa') %}{% for i in range(100) %}{% set ns.s = ns.s + ns.s %}{% "
      "endfor %}",
      "too much text");
  is_limited("{{ 'ab' * 9000000000000000000 }}", "too much text");
  is_limited("{% for a in range(90000) %}{% for b in range(90000) %}{% endfor %}{% endfor %}", "too m");
  is_limited("{% set ns = namespace(l=[]) %}{% for i in range(9999) %}{% set ns.l = [ns.l] %}{% endfor %}",
             "levels");
  is_limited("{{ 9223372036854775807 + 1 }}", "64 bits");
  is_limited("{{ " + std::string(5000, '(') + "1" + std::string(5000, ')') + " }}", "nested");
  is_limited("{{ " + std::string(5000, '[') + std::string(5000, ']') + " }}", "nested");
  is_limited("{{ " + std::string(5000, '-') + "1 }}", "nested");
  std::string chain = "1";
  std::string tests = "1";
  std::string blocks;
  for (int i = 0; i < 5000; ++i) {
    chain += " + 1";
    tests += "|string";
    blocks += "{% if 1 %}";
  }
  is_limited("{{ " + chain + " }}", "nested");
  is_limited("{{ " + tests + " }}", "nested");
  is_limited(blocks, "nested");
  EXPECT_EQ(raised("{{ range(99999999)|length }}"),
            "Range too big. The sandbox blocks ranges larger than MAX_RANGE (100000).");
}

TEST(ChatTemplateErrors, DeepMessages) {
  Json deep = 1;
  for (int i = 0; i < 1000; ++i) deep = Json::array({std::move(deep)});
  EXPECT_THROW(render("x", deep), InputError);
}

TEST(ChatTemplateErrors, NamespacesStayVariables) {
  EXPECT_THAT(refused("{% set ns = namespace() %}{% set ns.x = ns %}"), HasSubstr("namespace"));
  EXPECT_THAT(refused("{% set ns = namespace() %}{{ [ns] }}"), HasSubstr("namespace"));
  EXPECT_EQ(raised("{% set x = 1 %}{% set x.y = 1 %}"), "cannot assign attribute on non-namespace object");
}

class ChatTemplateFiles : public ::testing::Test {
 protected:
  void SetUp() override {
    dir_ = std::filesystem::path(::testing::TempDir()) /
           ::testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(dir_);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }
  void write(const char* name, const std::string& text) const { std::ofstream(dir_ / name) << text; }

  std::filesystem::path dir_;
};

TEST_F(ChatTemplateFiles, TakesTheStringOrTheDefaultOfAList) {
  write("tokenizer_config.json", R"({"bos_token": {"content": "<b>"}, "eos_token": "<e>", "pad_token": null,
      "chat_template": "{{ bos_token }}{{ eos_token }}{{ pad_token is defined }}"})");
  EXPECT_TRUE(ChatTemplate::exists(dir_));
  EXPECT_EQ(ChatTemplate::load(dir_).render(kMessages, true), "<b><e>False");
  write("tokenizer_config.json",
        R"({"chat_template": [{"name": "rag", "template": "r"}, {"name": "default", "template": "d"}]})");
  EXPECT_EQ(ChatTemplate::load(dir_).render(kMessages, true), "d");
  write("chat_template.jinja", "{{ add_generation_prompt }}{{ tools }}\n");
  EXPECT_EQ(ChatTemplate::load(dir_).render(kMessages, false), "FalseNone");
}

TEST_F(ChatTemplateFiles, SaysSoWhereThereIsNone) {
  EXPECT_FALSE(ChatTemplate::exists(dir_));
  EXPECT_THROW(static_cast<void>(ChatTemplate::load(dir_)), InputError);
  for (const char* const config :
       {"{}", R"({"chat_template": null})", R"({"chat_template": [{"name": "rag"}]})"}) {
    write("tokenizer_config.json", config);
    EXPECT_FALSE(ChatTemplate::exists(dir_)) << config;
    EXPECT_THROW(static_cast<void>(ChatTemplate::load(dir_)), InputError) << config;
  }
  write("tokenizer_config.json", "[");
  EXPECT_THROW(static_cast<void>(ChatTemplate::load(dir_)), InputError);
}

}  // namespace
}  // namespace lacuna

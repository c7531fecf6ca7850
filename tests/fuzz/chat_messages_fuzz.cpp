// A conversation from anywhere (any JSON), rendered by a template that does most of what templates do to it.
#include "core/bounded_json.h"
#include "tests/fuzz/fuzz_input.h"
#include "worker/tokenizer/chat_template.h"

namespace lacuna {
namespace {

constexpr std::string_view kOrderlyTemplate = R"({{ bos_token }}
{%- set system = messages | selectattr('role', 'equalto', 'system') | map(attribute='content') | list %}
{%- if messages[0]['role'] == 'system' %}{% set messages = messages[1:] %}{% endif %}
{%- for message in messages if message.role != 'system' %}
{%- if (message['role'] == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles alternate') }}{% endif %}
<{{ message.role }}>{{ message['content'] | trim }}{{ system | join(' ') if loop.last else '' }}</s>
{%- endfor %}{% if add_generation_prompt %}<assistant>{% endif %})";

// No rule of conversations: every value is asked for everything.
constexpr std::string_view kCuriousTemplate = R"({%- set box = namespace(count=0, text='') %}
{%- for message in messages %}{% set box.count = box.count + loop.index %}
{{ message }} {{ message | tojson }} {{ message | tojson(indent=2) }} {{ message | length }} {{ message.content }}
{%- if message is mapping %}{% for key, value in message.items() %}{{ key ~ value }}
{%- if value is string %}{{ value | upper }}{{ value.strip() }}{{ value.split(' ') }}{{ value[1:] }}{{ value[::-1] }}
{{- value | replace('a', value) }}{{ value.title() }}{{ value in messages[0] }}{{ value * 2 }}
{%- elif value is number %}{{ value + 1 }}{{ value * 2.5 }}{{ value // 3 }}{{ value % 7 }}{{ -value }}{{ value / 3 }}
{%- elif value is iterable %}{{ value | first }}{{ value | last }}{{ value | map('string') | join(',') }}{% endif %}
{%- endfor %}{% endif %}{{ messages == message }}{{ loop.previtem }}{{ message < messages[-1] }}
{%- endfor %}{{ box.count }}{{ tools | tojson }})";

}  // namespace
}  // namespace lacuna

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lacuna;
  static const ChatTemplate orderly = ChatTemplate::parse(kOrderlyTemplate, {{"bos_token", "<s>"}});
  static const ChatTemplate curious = ChatTemplate::parse(kCuriousTemplate, {});
  testing::allow_refusal([&] {
    const nlohmann::ordered_json messages = parse_ordered_json(testing::view_input(data, size), "messages");
    testing::allow_refusal([&] { static_cast<void>(orderly.render(messages, true)); });
    static_cast<void>(curious.render(messages, false, messages));
  });
  return 0;
}

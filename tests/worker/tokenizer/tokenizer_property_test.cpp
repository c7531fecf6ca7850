// Random tokenizers against the definition of BPE, and random damage to tokenizer.json and templates: never a
// crash, always ids or an InputError. The seed is fixed; LACUNA_PROPERTY_ROUNDS multiplies the number of
// rounds.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "core/error.h"
#include "core/utf8.h"
#include "tests/worker/tokenizer/small_tokenizer.h"
#include "worker/tokenizer/chat_template.h"

namespace lacuna {
namespace {

using testing::Json;
using testing::make_added_token;
using testing::make_byte_level;
using testing::make_metaspace;
using testing::Merges;

int rounds(int count) {
  const char* const factor = std::getenv("LACUNA_PROPERTY_ROUNDS");
  return factor == nullptr ? count : count * std::max(1, std::atoi(factor));
}

class Random {
 public:
  explicit Random(unsigned seed) : engine_(seed) {}
  // 0 to limit - 1.
  std::size_t below(std::size_t limit) {
    return std::uniform_int_distribution<std::size_t>(0, limit - 1)(engine_);
  }
  bool chance(double probability) { return std::bernoulli_distribution(probability)(engine_); }
  template <class T>
  const T& pick(const std::vector<T>& from) {
    return from[below(from.size())];
  }
  std::string bytes(std::size_t longest) {
    std::string text(below(longest + 1), '\0');
    for (char& byte : text) byte = static_cast<char>(below(256));
    return text;
  }
  std::string letters(const std::vector<std::string>& alphabet, std::size_t longest) {
    std::string text;
    for (std::size_t i = below(longest + 1); i > 0; --i) text += pick(alphabet);
    return text;
  }

 private:
  std::mt19937 engine_;
};

// Merges whose parts are letters or products of earlier merges; two may have the same product.
Merges make_merges(Random& random, std::vector<std::string> parts, std::size_t count) {
  Merges merges;
  while (merges.size() < count) {
    const std::string left = random.pick(parts);
    const std::string right = random.pick(parts);
    if (std::find(merges.begin(), merges.end(), std::pair(left, right)) != merges.end()) continue;
    merges.emplace_back(left, right);
    parts.push_back(left + right);
  }
  return merges;
}

// BPE by the book: over and over, the leftmost of the lowest ranked pairs.
std::vector<std::string> merge_by_definition(std::vector<std::string> symbols, const Merges& merges) {
  for (;;) {
    std::size_t best_rank = merges.size();
    std::size_t best_at = 0;
    for (std::size_t i = 0; i + 1 < symbols.size(); ++i) {
      const auto found = std::find(merges.begin(), merges.end(), std::pair(symbols[i], symbols[i + 1]));
      const auto rank = static_cast<std::size_t>(found - merges.begin());
      if (rank < best_rank) {
        best_rank = rank;
        best_at = i;
      }
    }
    if (best_rank == merges.size()) return symbols;
    symbols[best_at] += symbols[best_at + 1];
    symbols.erase(symbols.begin() + static_cast<std::ptrdiff_t>(best_at) + 1);
  }
}

std::vector<std::string> encode_to_texts(const Tokenizer& tokenizer, const std::string& text) {
  std::vector<std::string> texts;
  for (const TokenId id : tokenizer.encode(text, false)) texts.push_back(tokenizer.find_text(id).value());
  return texts;
}

TEST(BpeProperty, EqualsTheDefinitionOnShortAndLongWords) {
  Random random(1);
  const std::vector<std::string> letters = {"a", "b", "c", "d"};
  for (int round = 0; round < rounds(60); ++round) {
    const Merges merges = make_merges(random, letters, 1 + random.below(25));
    const Tokenizer tokenizer = Tokenizer::parse(make_byte_level(merges).dump());
    for (int i = 0; i < 20; ++i) {
      const std::string word = random.letters(letters, i < 10 ? 20 : 120);
      std::vector<std::string> symbols;
      for (const char letter : word) symbols.emplace_back(1, letter);
      EXPECT_EQ(encode_to_texts(tokenizer, word), merge_by_definition(symbols, merges)) << word;
    }
  }
}

// Metaspace tokenizers cut the text where no merge can cross; the ids must be those of the uncut text.
TEST(BpeProperty, EqualsTheDefinitionOnTextThatIsCut) {
  Random random(2);
  const std::vector<std::string> letters = {"a", "b", "\u2581", "\u00e9"};
  const std::vector<std::string> text_letters = {"a", "b", " ", "\u00e9", "z", "\u6f22"};
  for (int round = 0; round < rounds(60); ++round) {
    const Merges merges = make_merges(random, letters, 1 + random.below(25));
    Json json = make_metaspace(letters, merges);
    json["pre_tokenizer"]["prepend_scheme"] = "never";
    const Tokenizer tokenizer = Tokenizer::parse(json.dump());
    for (int i = 0; i < 20; ++i) {
      const std::string text = random.letters(text_letters, 100);
      std::vector<std::string> symbols;
      for (std::size_t at = 0; at < text.size();) {
        const std::size_t end = utf8::advance(text, at, 1);
        const std::string character = text.substr(at, end - at);
        if (character == "z") {
          symbols.emplace_back("<0x7A>");
        } else if (character == "\u6f22") {
          symbols.insert(symbols.end(), {"<0xE6>", "<0xBC>", "<0xA2>"});
        } else {
          symbols.push_back(character == " " ? "\u2581" : character);
        }
        at = end;
      }
      EXPECT_EQ(encode_to_texts(tokenizer, text), merge_by_definition(symbols, merges)) << text;
    }
  }
}

TEST(TokenizerProperty, DecodingGivesBackTheText) {
  Random random(3);
  std::vector<std::string> letters;
  for (const char letter : std::string("abcdefgh \n'12")) letters.emplace_back(1, letter);
  Json json = make_byte_level(make_merges(random, {"a", "b", "\u0120", "1"}, 30));
  json["added_tokens"] =
      Json::array({make_added_token(900, "<x>", true), make_added_token(901, "b<", false)});
  const Tokenizer tokenizer = Tokenizer::parse(json.dump());
  for (int round = 0; round < rounds(3000); ++round) {
    std::string text = random.bytes(20) + random.letters(letters, 20);
    if (random.chance(0.3)) text += "<x>" + random.letters(letters, 5);
    EXPECT_EQ(tokenizer.decode(tokenizer.encode(text, true), false), utf8::repair(text));
  }
}

Json make_any_value(Random& random) {
  switch (random.below(10)) {
    case 0:
      return nullptr;
    case 1:
      return random.chance(0.5);
    case 2:
      return std::numeric_limits<std::int64_t>::max();
    case 3:
      return -1;
    case 4:
      return 1e300;
    case 5:
      return "";
    case 6:
      return "(((\\p{L}+)*)+)*[";
    case 7:
      return Json::array({Json::array(), 1, "x"});
    case 8:
      return Json::object({{"type", "Sequence"}});
    default:
      return random.below(300);
  }
}

// Replaces, removes or doubles one value somewhere in `json`.
void damage(Json& json, Random& random) {
  Json* node = &json;
  while (node->is_structured() && !node->empty() && random.chance(0.8)) {
    auto child = node->begin();
    std::advance(child, static_cast<std::ptrdiff_t>(random.below(node->size())));
    if (random.chance(0.05)) {
      node->erase(child);
      return;
    }
    node = &*child;
  }
  *node = make_any_value(random);
}

void exercise(const std::string& tokenizer_json, Random& random) {
  try {
    const Tokenizer tokenizer = Tokenizer::parse(tokenizer_json);
    for (const std::string& text : {std::string("ab <s>cab  it's\n"), random.bytes(40), std::string()}) {
      static_cast<void>(tokenizer.decode(tokenizer.encode(text, true), true));
    }
    std::vector<TokenId> ids;
    for (int i = 0; i < 20; ++i) ids.emplace_back(static_cast<TokenId::rep>(random.below(400)));
    EXPECT_TRUE(utf8::is_well_formed(tokenizer.decode(ids, false)));
  } catch (const InputError& error) {
    EXPECT_NE(std::string(error.what()), "");
  }
}

TEST(HostileInput, DamagedTokenizerFiles) {
  Random random(4);
  Json byte_level = make_byte_level({{"a", "b"}, {"ab", "c"}});
  byte_level["added_tokens"] = Json::array({make_added_token(300, "<s>", true)});
  byte_level["normalizer"] = {{"type", "NFC"}};
  const Json metaspace = make_metaspace({"\u2581", "a", "b"}, {{"a", "b"}, {"\u2581", "ab"}});
  for (int round = 0; round < rounds(1500); ++round) {
    Json json = random.chance(0.5) ? byte_level : metaspace;
    for (std::size_t i = random.below(4) + 1; i > 0; --i) damage(json, random);
    std::string text = json.dump(-1, ' ', false, Json::error_handler_t::replace);
    for (std::size_t i = random.chance(0.3) ? random.below(4) + 1 : 0; i > 0 && !text.empty(); --i) {
      text[random.below(text.size())] = static_cast<char>(random.below(256));
    }
    if (random.chance(0.05)) text.resize(random.below(text.size() + 1));
    exercise(text, random);
  }
}

TEST(HostileInput, TemplateSoup) {
  Random random(5);
  const std::vector<std::string> scraps = {"{{",
                                           "}}",
                                           "{%",
                                           "%}",
                                           "{#",
                                           "#}",
                                           "{%-",
                                           "-%}",
                                           "{%+",
                                           "\n",
                                           "  ",
                                           "text",
                                           " if ",
                                           " else ",
                                           " endif ",
                                           " for ",
                                           " in ",
                                           " endfor ",
                                           " set ",
                                           " endset ",
                                           "messages",
                                           "x",
                                           "ns",
                                           " = ",
                                           "namespace(a=1)",
                                           ".a",
                                           "[0]",
                                           "[1:]",
                                           "[::-1]",
                                           "(",
                                           ")",
                                           "[",
                                           "]",
                                           "{",
                                           "}",
                                           ":",
                                           ",",
                                           "|trim",
                                           "|tojson",
                                           "|list",
                                           "|length",
                                           "|join(',')",
                                           "|map('trim')",
                                           " is defined ",
                                           " is string ",
                                           " not ",
                                           " and ",
                                           " or ",
                                           " + ",
                                           " ~ ",
                                           " * ",
                                           " % ",
                                           " - ",
                                           " == ",
                                           " < ",
                                           "'s'",
                                           "\"\\u00e9\"",
                                           "12",
                                           "1.5",
                                           "none",
                                           "true",
                                           "loop",
                                           ".index",
                                           ".items()",
                                           ".split()",
                                           "raise_exception('e')",
                                           "range(9)",
                                           "9223372036854775807",
                                           "\xff",
                                           "\\",
                                           "'"};
  const Json messages =
      Json::parse(R"([{"role": "user", "content": "é x"}, {"role": "a", "content": [1, {"k": null}]}])");
  for (int round = 0; round < rounds(20'000); ++round) {
    std::string source;
    const bool opened = random.chance(0.7);
    if (opened) source = random.chance(0.5) ? "{{ " : "{% set x = ";
    source += random.letters(scraps, 12);
    if (opened) source += source.starts_with("{{") ? " }}" : " %}{{ x }}";
    try {
      EXPECT_TRUE(utf8::is_well_formed(ChatTemplate::parse(source, {}).render(messages, true))) << source;
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()), "") << source;
    }
  }
}

TEST(HostileInput, DamagedTemplate) {
  Random random(6);
  const std::string source =
      "{%- set ns = namespace(n=0) -%}\n{%- for m in messages if m.role is defined %}\n{% set ns.n = ns.n + "
      "1 %}"
      "{{ '<|' + m['role'] ~ '|>' + m.content|string|trim }}{% if not loop.last and ns.n % 2 == 0 %}{{ "
      "m|tojson(indent=2) }}"
      "{% elif m.content[1:-1] %}{{ m.items()|list }}{% else %}{{ raise_exception(\"no\") }}{% endif %}{%- "
      "endfor %}"
      "{# done #}{{ messages|selectattr('role', 'equalto', 'user')|map(attribute='content')|join(', ') }}";
  const Json messages =
      Json::parse(R"([{"role": "user", "content": "é x"}, {"role": "a", "content": [1, {"k": null}]}])");
  for (int round = 0; round < rounds(10'000); ++round) {
    std::string text = source;
    for (std::size_t i = random.below(3) + 1; i > 0; --i) {
      const std::size_t at = random.below(text.size());
      if (random.chance(0.3)) {
        text.erase(at, random.below(6));
      } else if (random.chance(0.5)) {
        text.insert(at, text.substr(random.below(text.size()), random.below(20)));
      } else {
        text[at] = static_cast<char>(32 + random.below(95));
      }
    }
    try {
      static_cast<void>(ChatTemplate::parse(text, {}).render(messages, true));
    } catch (const InputError& error) {
      EXPECT_NE(std::string(error.what()), "") << text;
    }
  }
}

}  // namespace
}  // namespace lacuna

// tokenizer.json from anywhere; what loads encodes and decodes a little text.
#include <algorithm>
#include <string>

#include "core/utf8.h"
#include "tests/fuzz/fuzz_input.h"
#include "worker/tokenizer/tokenizer.h"

namespace lacuna {
namespace {

// Words, numbers, runs of white space, contractions, several scripts, a combining mark, what is no UTF-8, and
// the names that the seeds give their added tokens.
constexpr std::string_view kText =
    "Hello  world's 12345,\n\n\ttabs <s>user</s> <|x|> e\xCC\x81 \xE4\xBD\xA0\xE5\xA5\xBD "
    "\xD0\x9F\xD1\x80\xD0\xB8 \xF0\x9F\x98\x80\xFF\xC3 aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa    ";
constexpr std::size_t kOwnTextBytes = 256;

void encode_and_decode(const Tokenizer& tokenizer, std::string_view text) {
  for (const bool special : {false, true}) {
    const std::vector<TokenId> ids = tokenizer.encode(text, special);
    testing::require(ids == tokenizer.encode(text, special), "encoding gives the same ids every time");
    for (const TokenId id : ids) {
      testing::require(tokenizer.find_text(id).has_value(), "every id that encoding gives is a token");
      testing::require(static_cast<std::size_t>(id.value()) < tokenizer.vocabulary_size(),
                       "every id is below the vocabulary's size");
    }
    const std::string decoded = tokenizer.decode(ids, special);
    testing::require(utf8::is_well_formed(decoded), "decoded text is UTF-8");
    static_cast<void>(Tokenizer::clean_up_spaces(decoded));
  }
  static_cast<void>(tokenizer.split_words(text));
}

}  // namespace
}  // namespace lacuna

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace lacuna;
  const std::string_view input = testing::view_input(data, size);
  testing::allow_refusal([&] {
    const Tokenizer tokenizer = Tokenizer::parse(input);
    testing::allow_refusal([&] { encode_and_decode(tokenizer, kText); });
    encode_and_decode(tokenizer, input.substr(0, std::min(size, kOwnTextBytes)));
    static_cast<void>(tokenizer.decode({{TokenId(-1), TokenId(0), TokenId(1), TokenId(INT32_MAX)}}, false));
  });
  return 0;
}

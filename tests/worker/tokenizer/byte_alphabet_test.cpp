#include "worker/tokenizer/byte_alphabet.h"

#include <gtest/gtest.h>

#include <string>

#include "worker/tokenizer/base64.h"

namespace lacuna {
namespace {

TEST(ByteAlphabet, SpellsEveryByteAndReadsItBack) {
  std::string bytes;
  for (int byte = 0; byte < 256; ++byte) bytes.push_back(static_cast<char>(byte));
  EXPECT_EQ(byte_alphabet::read(byte_alphabet::write(bytes)), bytes);
  EXPECT_EQ(byte_alphabet::write(" \n!\xAD\xFF"), "\u0120\u010A!\u0143\u00FF");
  EXPECT_EQ(byte_alphabet::read("a b"), std::nullopt);
  EXPECT_EQ(byte_alphabet::read("\u0144"), std::nullopt);
}

TEST(Base64, ReadsBytes) {
  EXPECT_EQ(decode_base64(""), "");
  EXPECT_EQ(decode_base64("/w=="), "\xFF");
  EXPECT_EQ(decode_base64("AAEC"), std::string("\0\1\2", 3));
  EXPECT_EQ(decode_base64("YWI="), "ab");
  for (const char* const bad : {"Y", "YWI", "YW=I", "Y W=", "====", "YWJj="}) {
    EXPECT_EQ(decode_base64(bad), std::nullopt) << bad;
  }
}

}  // namespace
}  // namespace lacuna

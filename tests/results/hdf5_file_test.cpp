#include "results/hdf5_file.h"

#include <fmt/format.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <chrono>
#include <limits>
#include <thread>

#include "tests/results/synthetic_run.h"

namespace lacuna {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using testing::TemporaryFolder;

template <class Call>
std::string message_of(Call call) {
  try {
    call();
  } catch (const Hdf5Error& error) {
    return error.what();
  }
  return "no Hdf5Error";
}

template <class T>
void expect_round_trip(const std::filesystem::path& folder, const std::vector<T>& values) {
  const auto file = folder / "round.h5";
  const auto count = static_cast<std::int64_t>(values.size());
  {
    Hdf5File writer = Hdf5File::create(file);
    writer.write<T>("/a/b/plain", {count}, values);
    writer.write<T>("/a/b/packed", {count, 1}, values, {.chunk_rows = 2, .deflate_level = 4});
    writer.write_attribute("/a", "scalar", values.front());
    writer.write_list_attribute("/a", "list", values);
    writer.close();
  }
  const Hdf5File reader = Hdf5File::open(file);
  EXPECT_EQ(reader.read<T>("/a/b/plain").values, values);
  EXPECT_EQ(reader.read<T>("/a/b/packed").values, values);
  EXPECT_THAT(reader.read<T>("/a/b/packed").shape, ElementsAre(count, 1));
  EXPECT_EQ(reader.read_scalar_attribute<T>("/a", "scalar"), values.front());
  EXPECT_EQ(reader.read_attribute<T>("/a", "list").values, values);
}

TEST(Hdf5File, EveryTypeRoundTrips) {
  const TemporaryFolder folder;
  expect_round_trip<std::int8_t>(folder.path(), {-128, 0, 127});
  expect_round_trip<std::uint8_t>(folder.path(), {0, 1, 255});
  expect_round_trip<std::int16_t>(folder.path(), {-32768, 5, 32767});
  expect_round_trip<std::uint16_t>(folder.path(), {0, 5, 65535});
  expect_round_trip<std::int32_t>(folder.path(), {std::numeric_limits<std::int32_t>::min(), 7});
  expect_round_trip<std::uint32_t>(folder.path(), {0, std::numeric_limits<std::uint32_t>::max()});
  expect_round_trip<std::int64_t>(folder.path(), {std::numeric_limits<std::int64_t>::min(), 9});
  expect_round_trip<std::uint64_t>(folder.path(), {1, std::numeric_limits<std::uint64_t>::max()});
  expect_round_trip<float>(folder.path(), {1.5F, -0.0F, std::numeric_limits<float>::infinity()});
  expect_round_trip<double>(folder.path(), {0.1, std::numeric_limits<double>::denorm_min()});
  expect_round_trip<std::string>(folder.path(), {"", "a", "\xE2\x82\xAC", std::string(1000, 'x')});
}

TEST(Hdf5File, ReadsAPartOfTheRows) {
  const TemporaryFolder folder;
  Hdf5File file = Hdf5File::create_in_memory("memory");
  file.write<std::int32_t>("/x", {4, 2}, std::vector<std::int32_t>{0, 1, 2, 3, 4, 5, 6, 7});
  const Hdf5Dataset dataset = file.open_dataset("/x");
  EXPECT_THAT(dataset.read_rows<double>(1, 2), ElementsAre(2, 3, 4, 5));
  EXPECT_THAT(dataset.read_rows<double>(4, 0), ElementsAre());
  EXPECT_THROW((void)dataset.read_rows<double>(3, 2), std::logic_error);
}

TEST(Hdf5File, ErrorsNameFileAndObject) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "x.h5";
  {
    Hdf5File file = Hdf5File::create(path);
    file.write<std::int32_t>("/group/numbers", {1}, std::vector<std::int32_t>{1});
    file.write_text("/group/text", "hello");
  }
  const Hdf5File file = Hdf5File::open(path);
  const std::string missing = message_of([&] { (void)file.read<float>("/group/absent/deep"); });
  EXPECT_THAT(missing, HasSubstr("x.h5"));
  EXPECT_THAT(missing, HasSubstr("'/group/absent/deep'"));
  EXPECT_THAT(message_of([&] { (void)file.read<float>("/group"); }), HasSubstr("it is no dataset"));
  EXPECT_THAT(message_of([&] { (void)file.read<float>("/group/text"); }), HasSubstr("does not hold numbers"));
  EXPECT_THAT(message_of([&] { (void)file.read<std::string>("/group/numbers"); }),
              HasSubstr("does not hold strings"));
  EXPECT_THAT(message_of([&] { (void)file.read_attribute<float>("/group", "nothing"); }),
              HasSubstr("nothing"));
  EXPECT_THAT(message_of([&] { (void)file.members("/group/numbers"); }), HasSubstr("it is no group"));
}

TEST(Hdf5File, FilesThatAreNotHdf5AreRefused) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "text.h5";
  testing::write_bytes(path, {'n', 'o'});
  EXPECT_THAT(message_of([&] { (void)Hdf5File::open(path); }), HasSubstr("text.h5"));
  EXPECT_THROW((void)Hdf5File::open(folder.path() / "absent.h5"), InputError);
  EXPECT_THROW((void)Hdf5File::open(folder.path()), InputError);
}

TEST(Hdf5File, ATruncatedFileIsAnErrorWhereverItEnds) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "whole.h5";
  {
    Hdf5File file = Hdf5File::create(path);
    file.write<float>("/x", {1000}, std::vector<float>(1000, 1.0F));
  }
  const std::vector<char> bytes = testing::read_bytes(path);
  for (std::size_t size = 0; size < bytes.size(); size += 97) {
    testing::write_bytes(folder.path() / "cut.h5", {bytes.begin(), bytes.begin() + static_cast<long>(size)});
    EXPECT_THROW((void)Hdf5File::open(folder.path() / "cut.h5").read<float>("/x"), Error) << size;
  }
}

TEST(Hdf5File, AClaimBeyondTheFileCostsNoMemory) {
  const TemporaryFolder folder;
  const auto path = folder.path() / "huge.h5";
  {
    Hdf5File file = Hdf5File::create(path);
    const std::int64_t terabytes = std::int64_t{1} << 40;
    file.create_dataset("/huge", Hdf5Type::kFloat64, {terabytes}, {.chunk_rows = 1024, .deflate_level = 1})
        .close();
  }
  EXPECT_THAT(message_of([&] { (void)Hdf5File::open(path).read<double>("/huge"); }), HasSubstr("it claims"));
}

TEST(Hdf5File, ListsMembersSortedAndKnowsHardLinks) {
  Hdf5File file = Hdf5File::create_in_memory("memory");
  file.write<std::int8_t>("/g/b", {1}, std::vector<std::int8_t>{1});
  file.write<std::int8_t>("/g/a", {1}, std::vector<std::int8_t>{1});
  file.create_hard_link("/g", "/other/link");
  EXPECT_THAT(file.members("/g"), ElementsAre("a", "b"));
  EXPECT_THAT(file.members("/"), ElementsAre("g", "other"));
  EXPECT_EQ(file.object_address("/g/a"), file.object_address("/other/link/a"));
  EXPECT_NE(file.object_address("/g/a"), file.object_address("/g/b"));
  EXPECT_FALSE(file.exists("/no/such/path"));
  EXPECT_TRUE(file.is_group("/other/link"));
}

TEST(Hdf5File, ScalesNameTheAxesTheyAreAttachedTo) {
  Hdf5File file = Hdf5File::create_in_memory("memory");
  file.write<double>("/alpha", {2}, std::vector<double>{0.1, 0.2});
  file.make_scale("/alpha", "alpha");
  file.write<std::int8_t>("/x", {3, 2}, std::vector<std::int8_t>(6, 0));
  file.attach_scale("/x", 1, "/alpha");
  EXPECT_THAT(file.axis_labels("/x"), ElementsAre("", "alpha"));
}

// In the form of HDF5 1.8 every compressed dataset takes 2 KiB beside its data.
TEST(Hdf5File, SmallCompressedDatasetsCostLittle) {
  Hdf5File file = Hdf5File::create_in_memory("memory");
  for (std::int32_t i = 0; i < 20; ++i) {
    file.write<std::int32_t>(fmt::format("/x{}", i), {100}, std::vector<std::int32_t>(100, i),
                             Hdf5Layout::compressed(4));
  }
  const std::vector<std::uint8_t> image = file.image();
  EXPECT_LT(image.size(), 20 * 1000);
  EXPECT_EQ(Hdf5File::open_image(image, "image").read<std::int32_t>("/x19").values.back(), 19);
}

TEST(Hdf5File, EqualContentGivesEqualImages) {
  const auto make = [] {
    Hdf5File file = Hdf5File::create_in_memory("memory");
    file.write<float>("/on/the/way", {1}, std::vector<float>{1.0F});
    file.create_group("/empty/group");
    file.create_hard_link("/on/the/way", "/linked/here");
    file.write<float>("/x", {100}, std::vector<float>(100, 2.0F), Hdf5Layout::compressed(4));
    file.write_attribute("/x", "units", std::string("m"));
    return file.image();
  };
  const std::vector<std::uint8_t> before = make();
  std::this_thread::sleep_for(std::chrono::milliseconds(1100));  // times in headers would be seconds
  EXPECT_EQ(make(), before);
}

}  // namespace
}  // namespace lacuna

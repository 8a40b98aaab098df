#include "clients/nevus/feature_files.h"

#include <sys/wait.h>

#include <cstdio>
#include <cstdlib>
#include <optional>
#include <string>
#include <vector>

#include "base/packed_floats.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "base/temp_dir.h"
#include "clients/cpp/files.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

v1::Example Row(const std::string& id, v1::Split split,
                const std::string& label) {
  v1::Example row;
  row.set_id(id);
  row.set_image_digest("digest of " + id);
  row.set_split(split);
  row.set_label(label);
  row.set_group("g,\"1\"");
  return row;
}

FeatureTable Table(bool halves) {
  FeatureTable table;
  table.rows = {Row("a", v1::TRAIN, "melanoma"), Row("b", v1::TEST, "nævus"),
                Row("c", v1::VALIDATION, "")};
  table.dimension = 4;
  table.halves = halves;
  table.about = {{"dataset", "isic@1"}};
  return table;
}

std::string Pack(const std::vector<float>& values) {
  return PackFloats(values.data(), values.size());
}

absl::Status WriteAll(absl::StatusOr<std::unique_ptr<FeatureWriter>> writer,
                      const std::vector<std::string>& features) {
  RETURN_IF_ERROR(writer.status());
  for (const std::string& feature : features) {
    RETURN_IF_ERROR((*writer)->Add(feature));
  }
  return (*writer)->Finish();
}

// What the script prints; nothing if NumPy is not installed.
std::optional<std::string> ReadByNumPy(const std::string& format,
                                       const std::string& path) {
  const std::string command =
      "/usr/bin/python3 clients/nevus/testdata/check_features.py " + format +
      " '" + path + "'";
  std::FILE* const pipe = popen(command.c_str(), "r");
  std::string output;
  char buffer[4096];
  while (const size_t got = fread(buffer, 1, sizeof(buffer), pipe)) {
    output.append(buffer, got);
  }
  const int status = WEXITSTATUS(pclose(pipe));
  if (status == 77) return std::nullopt;
  EXPECT_EQ(status, 0) << command;
  return output;
}

// 1.5, -2, 0, 65504; 0.25 four times; 1, 2, 3, 4: as Python prints float.hex().
constexpr char kHalves[] =
    "a|digest of a|train|melanoma|g,\"1\" 0x1.8000000000000p+0 "
    "-0x1.0000000000000p+1 0x0.0p+0 0x1.ffc0000000000p+15\n"
    "b|digest of b|test|nævus|g,\"1\" 0x1.0000000000000p-2 "
    "0x1.0000000000000p-2 0x1.0000000000000p-2 0x1.0000000000000p-2\n"
    "c|digest of c|validation||g,\"1\" 0x1.0000000000000p+0 "
    "0x1.0000000000000p+1 0x1.8000000000000p+1 0x1.0000000000000p+2\n";

const std::vector<std::string> kFeatures = {Pack({1.5f, -2, 0, 65504}),
                                            Pack({0.25f, 0.25f, 0.25f, 0.25f}),
                                            Pack({1, 2, 3, 4})};

TEST(FeatureFilesTest, NumPyReadsWhatWasWrittenInEachFormat) {
  TempDir dir;
  for (const bool halves : {true, false}) {
    const FeatureTable table = Table(halves);
    const std::string type = halves ? "float16 3 4\n" : "float32 3 4\n";
    ASSERT_THAT(WriteAll(NewNpyWriter(table, dir.File("npy")), kFeatures),
                IsOk());
    ASSERT_THAT(WriteAll(NewSafetensorsWriter(table, dir.File("s")), kFeatures),
                IsOk());
    ASSERT_THAT(WriteAll(NewParquetWriter(table, dir.File("p")), kFeatures),
                IsOk());
    const auto npy = ReadByNumPy("npy", dir.File("npy"));
    if (!npy.has_value()) GTEST_SKIP() << "skipped: no python3-numpy";
    EXPECT_EQ(*npy, type + kHalves);
    EXPECT_EQ(ReadByNumPy("safetensors", dir.File("s")), type + kHalves);
    EXPECT_EQ(ReadByNumPy("parquet", dir.File("p")),
              std::string("float32 3 4\n") + kHalves);
  }
}

// 3,000 numbers a row are 2,796 rows and more a group of 8 Mi numbers.
TEST(FeatureFilesTest, ManyRowsAreSeveralGroupsOfParquet) {
  TempDir dir;
  FeatureTable table;
  table.dimension = 3000;
  std::string expected = "float32 6000 3000\n";
  std::vector<std::string> features;
  for (int i = 0; i < 6000; ++i) {
    table.rows.push_back(Row(std::to_string(i), v1::TRAIN, "x"));
    features.push_back(Pack(std::vector<float>(3000, i % 2)));
    const std::string number =
        i % 2 == 0 ? " 0x0.0p+0" : " 0x1.0000000000000p+0";
    expected += std::to_string(i) + "|digest of " + std::to_string(i) +
                "|train|x|g,\"1\"" + number + number + number + number + "\n";
  }
  ASSERT_THAT(WriteAll(NewParquetWriter(table, dir.File("p")), features),
              IsOk());
  const auto read = ReadByNumPy("parquet", dir.File("p"));
  if (!read.has_value()) GTEST_SKIP() << "skipped: no python3-numpy";
  EXPECT_EQ(*read, expected);
}

TEST(FeatureFilesTest, WhatIsNoHalfIsSaidAndNothingIsLeft) {
  TempDir dir;
  const FeatureTable table = Table(/*halves=*/true);
  EXPECT_EQ(ReasonOf(WriteAll(NewSafetensorsWriter(table, dir.File("s")),
                              {Pack({1, 2, 3, 0.1f})})),
            "NOT_HALVES");
  EXPECT_THAT(WriteAll(NewNpyWriter(table, dir.File("n")), {Pack({1, 2})}),
              StatusIs(absl::StatusCode::kInternal, "4 numbers"));
  EXPECT_TRUE(ListFiles(dir.path())->empty());
  EXPECT_TRUE(ListFiles(dir.File("n"))->empty());
  EXPECT_EQ(ReasonOf(NewParquetWriter(table, "/proc/none/p").status()),
            "FILE_UNWRITABLE");
}

}  // namespace
}  // namespace nevus

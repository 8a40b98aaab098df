#include "clients/nevus/output.h"

#include "gtest/gtest.h"
#include "protos/nevus/v1/dataset.pb.h"
#include "protos/nevus/v1/job.pb.h"

namespace nevus {
namespace {

TEST(OutputTest, ColumnsAreAsWideAsTheirWidestCell) {
  EXPECT_EQ(AlignTable({{"name", "n"},
                        {{"a", "1"},
                         {"na\xC3\xAF"
                          "ve",
                          "22"}}}),
            "name   n\na      1\nna\xC3\xAF"
            "ve  22\n");
  EXPECT_EQ(AlignTable({{"a", "b"}, {{"x\ny", ""}}}), "a    b\nx y\n");
}

TEST(OutputTest, ALineIsCutByCharactersAndHasNoControls) {
  EXPECT_EQ(CutTo("abc", 3), "abc");
  EXPECT_EQ(CutTo("abcd", 3), "ab\xE2\x80\xA6");
  EXPECT_EQ(CutTo("\xC3\xA4\xC3\xB6\xC3\xBC", 3), "\xC3\xA4\xC3\xB6\xC3\xBC");
  EXPECT_EQ(CutTo("\xC3\xA4\xC3\xB6\xC3\xBC", 2), "\xC3\xA4\xE2\x80\xA6");
  EXPECT_EQ(CutTo("ab", 1), "\xE2\x80\xA6");
  EXPECT_EQ(CutTo("ab", 0), "");
  EXPECT_EQ(OneLine("a\n\t\x1b[1mb\x7f"), "a   [1mb ");
}

TEST(OutputTest, CsvQuotesWhatNeedsIt) {
  EXPECT_EQ(CsvLine({"a", "b,c", "d\"e", "f\ng", ""}),
            "a,\"b,c\",\"d\"\"e\",\"f\ng\",\n");
}

TEST(OutputTest, NumbersReadWell) {
  EXPECT_EQ(FormatCount(0), "0");
  EXPECT_EQ(FormatCount(999), "999");
  EXPECT_EQ(FormatCount(2150), "2,150");
  EXPECT_EQ(FormatCount(-1234567), "-1,234,567");
  EXPECT_EQ(FormatBytes(999), "999 B");
  EXPECT_EQ(FormatBytes(1440000), "1.4 MB");
  EXPECT_EQ(FormatDuration(59.4), "59 s");
  EXPECT_EQ(FormatDuration(125), "2 min 5 s");
  EXPECT_EQ(FormatDuration(11040), "3 h 4 min");
  EXPECT_EQ(FormatNumber(0.76149, 3), "0.761");
}

TEST(OutputTest, MessagesBecomeJsonWithNumbersNamesAndTimes) {
  v1::DatasetVersion version;
  version.set_dataset("isic");
  version.set_version(1);
  (*version.mutable_counts())["train/nevus"] = 12;
  version.mutable_seal_time()->set_seconds(
      1756728000);  // date -u -d @1756728000
  const Json json = ToJson(version);
  EXPECT_EQ(json["version"], 1);
  EXPECT_EQ(json["counts"]["train/nevus"], 12);
  EXPECT_EQ(json["seal_time"], "2025-09-01T12:00:00+00:00");
  EXPECT_EQ(json["synthetic"], false);
  v1::TaskProgressEvent event;
  event.mutable_time_left()->set_seconds(90);
  event.mutable_time_left()->set_nanos(500'000'000);
  EXPECT_EQ(ToJson(event)["time_left"], 90.5);
  v1::Example example;
  example.set_split(v1::TRAIN);
  EXPECT_EQ(ToJson(example)["split"], "TRAIN");
}

}  // namespace
}  // namespace nevus

#include "clients/nevus/labels.h"

#include <cstdlib>
#include <map>

#include "absl/strings/str_cat.h"
#include "base/status.h"
#include "base/status_matchers.h"
#include "clients/cpp/files.h"
#include "clients/nevus/csv.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using ::testing::ElementsAre;

LabelColumns Column(const std::string& label) {
  LabelColumns columns;
  columns.label = label;
  return columns;
}

// "id=label" of each row, or the reason why not.
std::vector<std::string> Rows(const std::string& text,
                              const LabelColumns& columns) {
  const auto rows = ParseLabels(text, columns);
  if (!rows.ok()) return {ReasonOf(rows.status())};
  std::vector<std::string> result;
  for (const LabelRow& row : *rows) {
    result.push_back(absl::StrCat(row.example.id(), "=", row.example.label()));
  }
  return result;
}

TEST(CsvTest, QuotesLineEndsAndTheByteOrderMarkAreRead) {
  const auto records = ParseCsv(
      "\xEF\xBB\xBF"
      "a, b\r\n\"x,\"\"y\"\"\nz\",2\r\n\r\n3,4");
  ASSERT_THAT(records, IsOk());
  ASSERT_EQ(records->size(), 3u);
  EXPECT_THAT((*records)[0].fields, ElementsAre("a", "b"));
  EXPECT_THAT((*records)[1].fields, ElementsAre("x,\"y\"\nz", "2"));
  EXPECT_THAT((*records)[2].fields, ElementsAre("3", "4"));
  EXPECT_EQ((*records)[2].line, 5);
}

TEST(CsvTest, MistakesNameTheirLine) {
  const struct {
    const char* text;
    const char* message;
  } kCases[] = {{"", "empty"},
                {"\n\n", "empty"},
                {"a,b\n1\n", "line 2 has 1 fields, the header 2"},
                {"a\n\"x", "line 2 opens a quote"},
                {"a\nx\"y\"\n", "line 2 has a quote inside"},
                {"a\n\"x\"y\n", "line 2 has text after"},
                {"a\nb\n\xff\n", "line 3 holds bytes that are not UTF-8"}};
  for (const auto& c : kCases) {
    EXPECT_THAT(ParseCsv(c.text),
                StatusIs(absl::StatusCode::kInvalidArgument, c.message))
        << c.text;
  }
}

TEST(LabelsTest, LabelsAreClassNamesOrColumnsOfZeroAndOne) {
  EXPECT_THAT(Rows("image,dx\na.jpg,nv\nb,mel\n", Column("dx")),
              ElementsAre("a=nv", "b=mel"));
  const std::string isic =
      "image_id,melanoma,seborrheic_keratosis\na,0.0,0.0\nb,1.0,0.0\nc,0.0,1."
      "0\n";
  EXPECT_THAT(Rows(isic, Column("melanoma")),
              ElementsAre("a=other", "b=melanoma", "c=seborrheic_keratosis"));
  LabelColumns alone = Column("melanoma");
  alone.one_against_rest = true;
  EXPECT_THAT(Rows(isic, alone),
              ElementsAre("a=other", "b=melanoma", "c=other"));
  // 2 is no truth value: the numbers are class names.
  EXPECT_THAT(Rows("id,c\na,0\nb,2\n", Column("c")), ElementsAre("a=0", "b=2"));
}

TEST(LabelsTest, TheIdColumnIsNamedOrFoundOrTheFirst) {
  EXPECT_THAT(Rows("c,image_id\nx,a\n", Column("c")), ElementsAre("a=x"));
  EXPECT_THAT(Rows("who,c\na,x\n", Column("c")), ElementsAre("a=x"));
  // What is something else is no id.
  EXPECT_THAT(Rows("c,who\nx,a\nx,b\n", Column("c")),
              ElementsAre("a=x", "b=x"));
  EXPECT_THAT(Rows("image,who\nx,a\nx,b\n", Column("image")),
              ElementsAre("a=x", "b=x"));
  LabelColumns all = Column("c");
  all.group = "id";
  all.split = "s";
  EXPECT_THAT(Rows("s,id,c,who\ntest,g,x,a\ntest,g,x,b\n", all),
              ElementsAre("a=x", "b=x"));
  EXPECT_THAT(Rows("c\nx\n", Column("c")), ElementsAre("COLUMN_UNKNOWN"));
  LabelColumns named = Column("c");
  named.id = "key";
  EXPECT_THAT(Rows("image,key,c\na,b,x\n", named), ElementsAre("b=x"));
}

TEST(LabelsTest, NamesThatDifferInTheirExtensionOnlyKeepIt) {
  EXPECT_THAT(Rows("file,c\np.jpg,x\np.png,y\nq.png,z\n", Column("c")),
              ElementsAre("p.jpg=x", "p.png=y", "q=z"));
}

TEST(LabelsTest, MistakesHaveReasons) {
  EXPECT_THAT(Rows("id,c\n", Column("c")), ElementsAre("LABELS_EMPTY"));
  EXPECT_THAT(Rows("id,c\na,x\n", Column("d")), ElementsAre("COLUMN_UNKNOWN"));
  EXPECT_THAT(Rows("id,c\na,\n", Column("c")), ElementsAre("LABEL_EMPTY"));
  EXPECT_THAT(Rows("id,c\na,x\na,x\n", Column("c")), ElementsAre("ID_TWICE"));
  EXPECT_THAT(Rows("id,c\na/b,x\n", Column("c")), ElementsAre("ID_INVALID"));
  EXPECT_THAT(Rows("id,c\n\"a\nb\",x\n", Column("c")),
              ElementsAre("ID_INVALID"));
  EXPECT_THAT(Rows("id,m,s\na,1,1\n", Column("m")),
              ElementsAre("LABELS_CONTRADICT"));
  LabelColumns split = Column("c");
  split.split = "s";
  EXPECT_THAT(Rows("id,c,s\na,x,trian\n", split), ElementsAre("SPLIT_UNKNOWN"));
  EXPECT_THAT(
      ParseLabels("id,c\na,x\nb,x\na,x\n", Column("c")),
      StatusIs(absl::StatusCode::kInvalidArgument, "on line 2 and on line 4"));
  EXPECT_THAT(ParseLabels("id,c\na,x\n", Column("d")),
              StatusIs(absl::StatusCode::kInvalidArgument, "id, c"));
}

TEST(LabelsTest, OtherColumnsBecomeAttributesGroupsAndSplits) {
  LabelColumns columns = Column("dx");
  columns.group = "lesion_id";
  columns.split = "part";
  const auto rows = ParseLabels(
      "lesion_id,image_id,dx,age,sex,part\nL1,a,nv,45.0,,test\n", columns);
  ASSERT_THAT(rows, IsOk());
  const v1::Example& example = (*rows)[0].example;
  EXPECT_EQ(example.group(), "L1");
  EXPECT_EQ(example.split(), v1::TEST);
  ASSERT_EQ(example.attributes_size(), 1);
  EXPECT_EQ(example.attributes().at("age"), "45.0");
}

TEST(LabelsTest, WhatDoesNotPairIsRefusedByName) {
  const auto rows = ParseLabels("id,c\na,x\nb,x\nc.png,x\nd,x\n", Column("c"));
  ASSERT_THAT(rows, IsOk());
  const Pairing pairing = PairWithImages(
      *rows, "dir",
      {"a.JPG", "c.jpg", "c.png", "d.jpg", "d.png", "notes.txt", "z.jpg"});
  std::vector<std::string> paths, refused;
  for (const ExampleFile& file : pairing.files) paths.push_back(file.path);
  for (const v1::ImportOutcome& outcome : pairing.refused) {
    refused.push_back(outcome.id() + " " + outcome.reason());
  }
  EXPECT_THAT(paths, ElementsAre("dir/a.JPG", "dir/c.png"));
  EXPECT_THAT(refused,
              ElementsAre("b IMAGE_MISSING", "d IMAGE_AMBIGUOUS",
                          "c.jpg LABEL_MISSING", "z.jpg LABEL_MISSING"));
}

// Counts from the data's README.
TEST(LabelsTest, Isic2017PairsWhole) {
  const char* data = std::getenv("NEVUS_TEST_DATA");
  if (data == nullptr || !IsDirectory(std::string(data) + "/isic2017")) {
    GTEST_SKIP() << "skipped: no ../shared/data";
  }
  const std::string root = std::string(data) + "/isic2017/";
  const auto text = ReadFile(root + "train_labels.csv", 1 << 20);
  ASSERT_THAT(text, IsOk());
  const auto rows = ParseLabels(*text, Column("melanoma"));
  ASSERT_THAT(rows, IsOk());
  std::map<std::string, int> counts;
  for (const LabelRow& row : *rows) ++counts[row.example.label()];
  EXPECT_EQ(counts["melanoma"], 374);
  EXPECT_EQ(counts["seborrheic_keratosis"], 254);
  EXPECT_EQ(counts["other"], 1372);
  const auto names = ListFiles(root + "train");
  ASSERT_THAT(names, IsOk());
  const Pairing pairing = PairWithImages(*rows, root + "train", *names);
  EXPECT_EQ(pairing.files.size(), 2000u);
  EXPECT_TRUE(pairing.refused.empty());
}

}  // namespace
}  // namespace nevus

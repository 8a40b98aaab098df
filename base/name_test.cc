#include "base/name.h"

#include <string>

#include "base/status_matchers.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using absl::StatusCode;

TEST(NameTest, GoodAndBadNames) {
  for (const char* good : {"isic", "0", "a-b_c", "isic2017"}) {
    EXPECT_THAT(CheckName("dataset", good), IsOk()) << good;
  }
  for (const std::string& bad :
       {std::string(), std::string("-a"), std::string("ISIC"),
        std::string("a/b"), std::string("a\nb"), std::string("a@1"),
        std::string(64, 'a'), std::string("a\0b", 3)}) {
    EXPECT_THAT(CheckName("dataset", bad),
                StatusIs(StatusCode::kInvalidArgument, "dataset name"))
        << bad;
  }
}

TEST(NameTest, ExampleIdsAreSafeInAFileName) {
  for (const char* good : {"ISIC_0000000", "ISIC_0000000.jpg", "läsion 7"}) {
    EXPECT_THAT(CheckExampleId(good), IsOk()) << good;
  }
  const struct {
    std::string id;
    std::string why;
  } kBad[] = {{"", "empty"},
              {"a/b", "slash"},
              {"..", "directory"},
              {"a\nb", "control"},
              {"\xff", "UTF-8"},
              {"\xc0\xaf", "UTF-8"},  // an overlong slash
              {std::string(201, 'a'), "201 bytes"}};
  for (const auto& bad : kBad) {
    EXPECT_THAT(CheckExampleId(bad.id),
                StatusIs(StatusCode::kInvalidArgument, bad.why));
  }
}

TEST(NameTest, VersionsAndAliases) {
  EXPECT_EQ(ParseVersionedName("model", "melanoma@3").value().version, 3);
  EXPECT_EQ(ParseVersionedName("model", "melanoma@production").value().alias,
            "production");
  EXPECT_EQ(ParseVersion("dataset", "isic@12").value().ToString(), "isic@12");
  for (const char* bad : {"isic", "isic@", "isic@0", "isic@1x", "@1",
                          "isic@99999999999999999999", "isic@a@1"}) {
    EXPECT_THAT(ParseVersionedName("dataset", bad),
                StatusIs(StatusCode::kInvalidArgument, "dataset"))
        << bad;
  }
  EXPECT_THAT(ParseVersion("dataset", "isic@latest"),
              StatusIs(StatusCode::kInvalidArgument, "alias"));
}

TEST(NameTest, QuotedTextCannotBreakALine) {
  EXPECT_EQ(Quoted("a\nb\"c"), "\"a\\x0ab\\\"c\"");
  EXPECT_EQ(Quoted(std::string(100, 'x')),
            "\"" + std::string(80, 'x') + "...\"");
}

}  // namespace
}  // namespace nevus

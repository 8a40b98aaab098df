#include "compute/evaluation/report.h"

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::Not;

const std::vector<Scored> kSix = {{0.9, true},  {0.4, true},  {0.8, true},
                                  {0.6, false}, {0.1, false}, {0.2, false}};

ReportInput Input() {
  const auto evaluation =
      Evaluate(kSix, {{"half", 0.5}, {"never", 2}},
               {"melanoma", "melanoma", "melanoma", "nevus", "nevus", "nevus"});
  EXPECT_THAT(evaluation, IsOk());
  ReportInput input;
  input.title = "melanoma@1 on isic@1";
  input.facts = {{"Model", "melanoma@1"}, {"Job", "jobs/7"}};
  input.evaluation = *evaluation;
  for (const Scored& one : kSix) {
    input.cases.push_back({absl::StrCat("case-", input.cases.size()),
                           one.positive ? "melanoma" : "nevus", one.positive,
                           one.score, "\xff\xd8\xff", "image/jpeg"});
  }
  return input;
}

TEST(ReportTest, SaysHowHonestItIsBeforeAndAfterAndWhenItAbstains) {
  ReportInput input = Input();
  EXPECT_THAT(RenderReport(input), Not(HasSubstr("before calibration")));
  EXPECT_THAT(RenderReport(input), Not(HasSubstr("bstain")));
  input.evaluation.uncalibrated = input.evaluation.calibrated;
  input.evaluation.uncalibrated->expected_error = 0.321;
  input.evaluation.abstention =
      SummariseAbstention(kSix, {false, true, false, false, true, false}, 48.5);
  const std::string html = RenderReport(input);
  EXPECT_THAT(html, HasSubstr("before calibration"));
  EXPECT_THAT(html, HasSubstr("0.321"));
  EXPECT_THAT(html,
              HasSubstr("2 of 6 cases (33.3\u00a0%), 1 of them positive"));
  EXPECT_THAT(html, HasSubstr("48.5"));
}

// Every element that is opened is closed in order, every attribute is quoted,
// and no raw < or & is left. Returns what is wrong, "" if nothing. Small, since
// it reads what one known program writes, not the web.
std::string Malformed(const std::string& html) {
  const std::vector<std::string> kVoid = {"!DOCTYPE", "meta", "img", "br"};
  std::vector<std::string> open;
  for (size_t i = 0; i < html.size(); ++i) {
    if (html[i] == '&' && html.find(';', i) > i + 7) return html.substr(i, 20);
    if (html[i] != '<') continue;
    const size_t end = html.find('>', i);
    if (end == std::string::npos) return "unclosed " + html.substr(i, 20);
    const std::string tag = html.substr(i + 1, end - i - 1);
    if (tag.find('<') != std::string::npos) return "raw < in " + tag;
    size_t quotes = 0;
    for (const char c : tag) quotes += c == '"' ? 1 : 0;
    if (quotes % 2 != 0) return "quotes in " + tag;
    const std::string name = tag.substr(0, tag.find_first_of(" /", 1));
    if (tag[0] == '/') {
      if (open.empty() || "/" + open.back() != tag) return "stray " + tag;
      open.pop_back();
    } else if (tag.back() != '/' &&
               std::find(kVoid.begin(), kVoid.end(), name) == kVoid.end()) {
      open.push_back(name);
    }
    i = end;
  }
  return open.empty() ? "" : "open " + open.back();
}

TEST(ReportTest, IsOneWellFormedPage) {
  const std::string html = RenderReport(Input());
  EXPECT_EQ(Malformed(html), "");
  EXPECT_TRUE(absl::StartsWith(html, "<!DOCTYPE html>"));
  ReportInput bare;
  bare.evaluation = *Evaluate(kSix, {});
  EXPECT_EQ(Malformed(RenderReport(bare)), "");
}

TEST(ReportTest, TheCheckOfFormItselfFindsMistakes) {
  EXPECT_EQ(Malformed("<p>a</p><br><path d=\"M0\"/>"), "");
  EXPECT_NE(Malformed("<p>a"), "");
  EXPECT_NE(Malformed("<p><b>a</p></b>"), "");
  EXPECT_NE(Malformed("<p title=\"a\"b\">a</p>"), "");
  EXPECT_NE(Malformed("<p>a & b</p>"), "");
  EXPECT_NE(Malformed("<p>a <<b></p>"), "");
}

TEST(ReportTest, NeedsNothingFromOutside) {
  const std::string html = absl::AsciiStrToLower(RenderReport(Input()));
  for (const char* outside :
       {"http://", "https://", "<script", "<link", "<iframe", "@import",
        "@font-face", "url(", "src=\"/", "href="}) {
    EXPECT_THAT(html, Not(HasSubstr(outside)));
  }
}

TEST(ReportTest, TextFromOutsideStaysText) {
  const std::string evil = "\"><script>alert('x')</script>&\x01";
  const std::string safe =
      "&quot;&gt;&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&amp;"
      "\xef\xbf\xbd";
  ReportInput input;
  input.title = evil;
  input.facts = {{evil, evil}};
  input.evaluation =
      *Evaluate(kSix, {{evil, 0.5}}, std::vector<std::string>(6, evil));
  input.cases = {{evil, evil, true, 0.9, "bytes", "image/" + evil}};
  const std::string html = RenderReport(input);
  EXPECT_EQ(Malformed(html), "");
  EXPECT_THAT(html, Not(HasSubstr("<script")));
  EXPECT_THAT(html, Not(HasSubstr("\x01")));
  int found = 0;
  for (size_t at = html.find(safe); at != std::string::npos;
       at = html.find(safe, at + 1)) {
    ++found;
  }
  // Title twice, fact twice, operating point (legend, two markers, two tables,
  // matrix), label, case (id, label, type).
  EXPECT_EQ(found, 2 + 2 + 6 + 1 + 3);
}

TEST(ReportTest, ShowsTheFiguresWithTheirIntervals) {
  const ReportInput input = Input();
  const std::string html = RenderReport(input);
  // Eight of nine pairs are in the right order.
  EXPECT_THAT(html, HasSubstr(">0.889<"));
  EXPECT_THAT(html, HasSubstr("research use only"));
  EXPECT_THAT(html, HasSubstr("not a medical device"));
  // Two of three found: 66.7 %, Wilson 20.8 to 93.9 (by hand: centre 0.5731,
  // half width 0.3655).
  EXPECT_THAT(html, HasSubstr("66.7\u00a0%<small>20.8\u201393.9</small>"));
  // Nobody is called positive at "never": a dash, no nan.
  EXPECT_THAT(html, HasSubstr("<td>\u2013</td>"));
  EXPECT_THAT(html, Not(HasSubstr("nan")));
  // The base64 of ff d8 ff.
  EXPECT_THAT(html, HasSubstr("src=\"data:image/jpeg;base64,/9j/\""));
}

TEST(ReportTest, SyntheticImagesAreCalledSo) {
  ReportInput input = Input();
  EXPECT_THAT(RenderReport(input), Not(HasSubstr("SYNTHETIC")));
  input.synthetic = true;
  const std::string html = RenderReport(input);
  EXPECT_THAT(html, HasSubstr("<title>SYNTHETIC: melanoma@1"));
  EXPECT_THAT(html, HasSubstr(">SYNTHETIC</span>"));
}

TEST(ReportTest, OnlyImagesAreEmbedded) {
  ReportInput input = Input();
  for (ReportCase& one : input.cases) one.mime_type = "text/html";
  EXPECT_THAT(RenderReport(input), Not(HasSubstr("<img")));
}

TEST(ChooseExamplesTest, TakesTheSurestOfEachKind) {
  // At 0.5: 1 missed; 3 a false alarm; 0 and 2 found; 4 and 5 rightly cleared.
  EXPECT_THAT(ChooseExamples(kSix, 0.5, 9), ElementsAre(1, 3, 0, 2, 4, 5));
  EXPECT_THAT(ChooseExamples(kSix, 0.5, 1), ElementsAre(1, 3, 0, 4));
  EXPECT_THAT(ChooseExamples(kSix, 0.5, 0), ElementsAre());
}

}  // namespace
}  // namespace nevus

// The 51 real files of ../shared/data/images: each must be taken or refused as
// its manifest says.

#include <sys/resource.h>

#include <cstdlib>
#include <map>
#include <sstream>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "compute/image/decode.h"
#include "compute/image/decode_properties.h"
#include "compute/image/test_images.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

// What is refused for what, where the manifest's words leave no doubt.
const std::map<std::string, std::string>& Reasons() {
  static const auto* const reasons = new std::map<std::string, std::string>{
      {"empty.jpg", "IMAGE_EMPTY"},
      {"text.jpg", "IMAGE_FORMAT_UNSUPPORTED"},
      {"html.png", "IMAGE_FORMAT_UNSUPPORTED"},
      {"zip.jpg", "IMAGE_FORMAT_UNSUPPORTED"},
      {"gif.gif", "IMAGE_FORMAT_UNSUPPORTED"},
      {"only_header.jpg", "IMAGE_TRUNCATED"},
      {"truncated_half.jpg", "IMAGE_TRUNCATED"},
      {"truncated_last_kb.jpg", "IMAGE_TRUNCATED"},
      {"truncated.png", "IMAGE_TRUNCATED"},
      {"bomb_65500.jpg", "IMAGE_TOO_LARGE"},
      {"bomb_65000.png", "IMAGE_TOO_LARGE"},
      {"zero_size.jpg", "IMAGE_CORRUPT"},
      {"zero_width.png", "IMAGE_CORRUPT"},
      {"bad_huffman.jpg", "IMAGE_CORRUPT"},
      {"no_quant_table.jpg", "IMAGE_CORRUPT"},
      {"garbage_after_soi.jpg", "IMAGE_CORRUPT"},
      {"bad_ihdr_crc.png", "IMAGE_CORRUPT"},
      {"bad_idat.png", "IMAGE_CORRUPT"},
      {"bad_depth.png", "IMAGE_CORRUPT"},
      {"palette_missing.png", "IMAGE_CORRUPT"},
  };
  return *reasons;
}

struct Entry {
  std::string file, verdict;
  std::vector<double> numbers;  // width, height, mean R, G, B; may be empty
  std::string bytes;
};

// A line's fields; a field in double quotes may hold commas.
std::vector<std::string> SplitCsv(const std::string& line) {
  std::vector<std::string> fields(1);
  bool quoted = false;
  for (char c : line) {
    if (c == '"') {
      quoted = !quoted;
    } else if (c == ',' && !quoted) {
      fields.emplace_back();
    } else if (c != '\r') {
      fields.back() += c;
    }
  }
  return fields;
}

class ManifestTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* data = std::getenv("NEVUS_TEST_DATA");
    if (data == nullptr || *data == '\0') {
      GTEST_SKIP() << "skipped: no ../shared/data";
    }
    const std::string folder = std::string(data) + "/images/";
    std::istringstream lines(ReadFileOrFail(folder + "manifest.csv"));
    std::string line;
    std::getline(lines, line);
    ASSERT_EQ(line.substr(0, 29), "file,verdict,why,width,height");
    while (std::getline(lines, line)) {
      const std::vector<std::string> fields = SplitCsv(line);
      ASSERT_EQ(fields.size(), 8u) << line;
      Entry entry{fields[0], fields[1], {}, ReadFileOrFail(folder + fields[0])};
      for (size_t i = 3; i < fields.size(); ++i) {
        if (!fields[i].empty()) entry.numbers.push_back(std::stod(fields[i]));
      }
      entries_.push_back(entry);
    }
    ASSERT_EQ(entries_.size(), 51u);
  }

  std::vector<Entry> entries_;
};

TEST_F(ManifestTest, TakesWhatIsToBeTakenWithItsSizeAndMeanColour) {
  for (const Entry& entry : entries_) {
    if (entry.verdict != "accept") continue;
    SCOPED_TRACE(entry.file);
    const absl::StatusOr<Pixels> pixels = DecodeImage(entry.bytes);
    ASSERT_THAT(pixels, IsOk());
    EXPECT_THAT(CheckDecodeProperties(entry.bytes), IsOk());
    if (entry.numbers.empty()) continue;
    EXPECT_EQ(pixels->width, entry.numbers[0]);
    EXPECT_EQ(pixels->height, entry.numbers[1]);
    for (int c = 0; c < 3; ++c) {
      double sum = 0;
      for (size_t i = c; i < pixels->rgb.size(); i += 3) sum += pixels->rgb[i];
      EXPECT_NEAR(sum / (pixels->rgb.size() / 3), entry.numbers[2 + c], 2);
    }
  }
}

TEST_F(ManifestTest, RefusesWhatIsToBeRefusedWithItsReason) {
  for (const Entry& entry : entries_) {
    if (entry.verdict != "reject") continue;
    SCOPED_TRACE(entry.file);
    const absl::Status status = DecodeImage(entry.bytes).status();
    EXPECT_THAT(status, StatusIs(absl::StatusCode::kInvalidArgument, "image"));
    const auto reason = Reasons().find(entry.file);
    if (reason != Reasons().end()) {
      EXPECT_EQ(ReasonOf(status), reason->second) << status;
    }
    EXPECT_THAT(CheckDecodeProperties(entry.bytes), IsOk());
  }
}

// The bombs would take 12 GB, the 200 MB text 200 MB.
TEST_F(ManifestTest, TakesLittleMemoryForBombsAndRefusals) {
  rusage before = {};
  getrusage(RUSAGE_SELF, &before);
  for (const Entry& entry : entries_) {
    if (entry.verdict == "reject" || entry.file == "bomb_ztxt.png") {
      (void)DecodeImage(entry.bytes).ok();
    }
  }
  rusage after = {};
  getrusage(RUSAGE_SELF, &after);
  EXPECT_LT(after.ru_maxrss - before.ru_maxrss, 16 << 10) << "KiB";
}

}  // namespace
}  // namespace nevus

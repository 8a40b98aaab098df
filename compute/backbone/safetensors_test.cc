#include "compute/backbone/safetensors.h"

#include <limits>
#include <string>
#include <vector>

#include "base/status.h"
#include "base/status_matchers.h"
#include "compute/backbone/testing/weight_files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace nevus {
namespace {

using ::testing::ElementsAre;

const TensorShapes kWanted = {{"a", {2}}};

// Eight bytes: the floats 1 and 2.
const std::string kOneTwo("\0\0\x80\x3f\0\0\0\x40", 8);

TEST(SafetensorsTest, ReadsTheWantedTensorsAndLeavesOthersOut) {
  const std::string file = Safetensors(
      R"({"__metadata__":{"format":"pt"},
          "classifier":{"dtype":"I64","shape":[1],"data_offsets":[8,16]},
          "a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]}} )",
      kOneTwo + "12345678");
  const absl::StatusOr<Tensors> tensors = ReadSafetensors(file, kWanted);
  ASSERT_THAT(tensors, IsOk());
  ASSERT_EQ(tensors->size(), 1u);
  EXPECT_THAT(tensors->at("a").values, ElementsAre(1, 2));
}

TEST(SafetensorsTest, WidensHalfPrecisionExactly) {
  // IEEE 754 binary16: 0x3c00 is 1, 0xc000 is -2, 0x0001 the smallest
  // subnormal, 2^-24, 0x7bff the largest, 65504.
  const std::string half("\x00\x3c\x00\xc0\x01\x00\xff\x7b", 8);
  const auto tensors = ReadSafetensors(
      Safetensors(R"({"a":{"dtype":"F16","shape":[4],"data_offsets":[0,8]}})",
                  half),
      {{"a", {4}}});
  ASSERT_THAT(tensors, IsOk());
  EXPECT_THAT(tensors->at("a").values, ElementsAre(1, -2, 0x1p-24f, 65504));
}

TEST(SafetensorsTest, WidensBfloat16Exactly) {
  // The upper halves of the floats 1 and -2.
  const auto tensors = ReadSafetensors(
      Safetensors(R"({"a":{"dtype":"BF16","shape":[2],"data_offsets":[0,4]}})",
                  std::string("\x80\x3f\x00\xc0", 4)),
      kWanted);
  ASSERT_THAT(tensors, IsOk());
  EXPECT_THAT(tensors->at("a").values, ElementsAre(1, -2));
}

struct WrongFile {
  std::string what, file, message;
};

TEST(SafetensorsTest, RefusesWrongFilesAndNamesTheTensor) {
  const auto one = [](const std::string& entry) {
    return Safetensors("{\"a\":" + entry + "}", kOneTwo);
  };
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float infinity = std::numeric_limits<float>::infinity();
  const std::string sound = Safetensors({{"a", {{2}, {1, 2}}}});
  const std::vector<WrongFile> files = {
      {"empty", "", "has 0 bytes"},
      {"seven bytes", "1234567", "has 7 bytes"},
      {"header length 2^63", std::string("\0\0\0\0\0\0\0\x80{}", 10),
       "9223372036854775808"},
      {"header length 2^64 - 1", std::string(8, '\xff') + "{}", "length"},
      {"header longer than the file", std::string("\3\0\0\0\0\0\0\0{}", 10),
       "truncated"},
      {"no JSON", Safetensors("{\"a\":", ""), "not a JSON object"},
      {"a JSON list", Safetensors("[1]", ""), "not a JSON object"},
      {"invalid UTF-8", Safetensors("{\"\xff\":1}", ""), "not a JSON object"},
      {"deep nesting", Safetensors(std::string(100000, '['), ""),
       "not a JSON object"},
      {"no entry", one("3"), "\"a\" needs a dtype"},
      {"no dtype", one(R"({"shape":[2],"data_offsets":[0,8]})"), "\"a\""},
      {"no offsets", one(R"({"dtype":"F32","shape":[2]})"), "\"a\""},
      {"one offset", one(R"({"dtype":"F32","shape":[2],"data_offsets":[0]})"),
       "\"a\""},
      {"unknown type",
       one(R"({"dtype":"F31","shape":[2],"data_offsets":[0,8]})"),
       "unknown type \"F31\""},
      {"other type", one(R"({"dtype":"I32","shape":[2],"data_offsets":[0,8]})"),
       "tensor a has type I32; F32"},
      {"negative size",
       one(R"({"dtype":"F32","shape":[-2],"data_offsets":[0,8]})"),
       "impossible shape"},
      {"product beyond 64 bits",
       one(R"({"dtype":"F32","shape":[4294967296,4294967296],)"
           R"("data_offsets":[0,8]})"),
       "impossible shape"},
      {"offset beyond the file",
       one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,9]})"), "outside"},
      {"huge offset",
       one(R"({"dtype":"F32","shape":[2],)"
           R"("data_offsets":[0,18446744073709551615]})"),
       "outside"},
      {"backward offsets",
       one(R"({"dtype":"F32","shape":[2],"data_offsets":[8,0]})"), "outside"},
      {"fractional offset",
       one(R"({"dtype":"F32","shape":[2],"data_offsets":[0,8.5]})"), "outside"},
      {"too few bytes for the shape",
       one(R"({"dtype":"F32","shape":[3],"data_offsets":[0,8]})"),
       "has 8 bytes of data; its shape and type need 12"},
      {"wrong shape",
       one(R"({"dtype":"F32","shape":[2,1],"data_offsets":[0,8]})"),
       "tensor a has shape [2,1]; this network needs [2]"},
      {"overlap",
       Safetensors(R"({"a":{"dtype":"F32","shape":[2],"data_offsets":[0,8]},)"
                   R"("b":{"dtype":"F32","shape":[1],"data_offsets":[4,8]}})",
                   kOneTwo),
       "tensor \"b\" begins at byte 4"},
      {"a hole", one(R"({"dtype":"F32","shape":[1],"data_offsets":[4,8]})"),
       "tensor \"a\" begins at byte 4"},
      {"bytes left over", sound + "x", "8 bytes of tensors but the file holds"},
      {"truncated", sound.substr(0, sound.size() - 1), "outside"},
      {"a NaN", Safetensors({{"a", {{2}, {1, nan}}}}),
       "tensor a holds nan at index 1"},
      {"an infinity", Safetensors({{"a", {{2}, {-infinity, 1}}}}),
       "tensor a holds -inf at index 0"},
  };
  for (const WrongFile& wrong : files) {
    SCOPED_TRACE(wrong.what);
    const auto tensors = ReadSafetensors(wrong.file, kWanted);
    EXPECT_THAT(tensors,
                StatusIs(absl::StatusCode::kInvalidArgument, wrong.message));
    EXPECT_EQ(ReasonOf(tensors.status()), "WEIGHTS_INVALID");
  }
}

TEST(SafetensorsTest, SurvivesEveryTruncation) {
  const std::string sound = Safetensors({{"a", {{2}, {1, 2}}}});
  for (size_t length = 0; length < sound.size(); ++length) {
    SCOPED_TRACE(length);
    EXPECT_THAT(ReadSafetensors(sound.substr(0, length), kWanted),
                StatusIs(absl::StatusCode::kInvalidArgument, ""));
  }
}

}  // namespace
}  // namespace nevus

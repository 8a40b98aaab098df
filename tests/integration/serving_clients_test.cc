// The examples of docs/serving.md, as they are printed there, against a real
// server; and the Python client's errors.
#include <cstdlib>
#include <memory>
#include <sstream>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "base/status_matchers.h"
#include "base/temp_dir.h"
#include "clients/cpp/files.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/harness/process.h"
#include "tests/integration/served_node.h"

namespace nevus {
namespace {

using testing::HasSubstr;

constexpr char kPython[] = "/usr/bin/python3";  // Debian's, with its grpcio

std::string Text(const std::string& path) {
  return ReadFile(path, 1 << 20).value();
}

// From `first` on, to the end.
std::string From(const std::string& text, const std::string& first) {
  const size_t begin = text.find(first);
  return begin == std::string::npos ? "not there: " + first
                                    : text.substr(begin);
}

class ServingClientsTest : public testing::Test {
 protected:
  void SetUp() override {
    const auto files = WritePhotographs(folder_.path(), 30);
    ASSERT_THAT(files, IsOk());
    auto served = ServedNode::Start(*files, "fp32");
    ASSERT_THAT(served, IsOk());
    served_ = *std::move(served);
    photograph_ = files->front().path;
    other_ = files->back().path;
    answer_ = served_->Predict(Text(photograph_)).value();
    setenv("PYTHONPATH", "clients/python", 1);
    setenv("PYTHONDONTWRITEBYTECODE", "1", 1);
  }

  TempDir folder_;
  std::unique_ptr<ServedNode> served_;
  std::string photograph_, other_;
  v1::PredictResponse answer_;
};

TEST_F(ServingClientsTest, TheExamplesInTheDocumentAreTheFilesThatRunHere) {
  const std::string document = Text("docs/serving.md");
  EXPECT_THAT(document,
              HasSubstr(From(Text("clients/python/predict.py"), "import sys")));
  const std::string cpp = Text("clients/cpp/predict_example.cc");
  const std::string body = From(cpp, "  const auto client");
  EXPECT_THAT(document, HasSubstr(body.substr(0, body.find("  if (!answer"))));
}

TEST_F(ServingClientsTest, TheCppExampleAnswers) {
  const CommandResult result =
      RunCommand({"clients/cpp/predict_example", served_->address(), "melanoma",
                  "production", photograph_});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  std::istringstream words(result.out);
  double probability = 0;
  words >> probability;
  EXPECT_NEAR(probability, answer_.probability(), 1e-5);
  EXPECT_THAT(result.out, HasSubstr(answer_.decision() + " melanoma@1"));
}

TEST_F(ServingClientsTest, ThePythonExampleAnswers) {
  const CommandResult result =
      RunCommand({kPython, "clients/python/predict.py", served_->address(),
                  "melanoma@production", photograph_});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  // Python prints the shortest text that reads back as the same double.
  EXPECT_EQ(std::strtod(result.out.c_str(), nullptr), answer_.probability());
  EXPECT_THAT(result.out, HasSubstr(answer_.decision() + " melanoma@1"));
}

TEST_F(ServingClientsTest, TheOpenInferenceProtocolAnswersInPython) {
  const CommandResult result =
      RunCommand({kPython, "clients/python/infer.py", served_->address(),
                  "melanoma", photograph_, other_});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  EXPECT_THAT(result.out, HasSubstr("probability ["));
  EXPECT_THAT(result.out, HasSubstr("label [b'" + answer_.decision() + "'"));
  EXPECT_THAT(result.out, HasSubstr(answer_.abstain() ? "abstain [True, "
                                                      : "abstain [False, "));
}

TEST_F(ServingClientsTest, PythonSeesReasonsAndStreamsInOrder) {
  const std::string script = absl::StrCat(R"(
from nevus_client import Client, NevusError
with Client(')",
                                          served_->address(), R"(') as client:
    good = open(')",
                                          photograph_, R"(', 'rb').read()
    try:
        client.predict(b'GIF89a', 'melanoma@1')
    except NevusError as error:
        print(error.reason, error.code.name)
    for answer in client.predict_all([good, b'', good] * 20, 'melanoma@1',
                                     in_flight=5):
        print(getattr(answer, 'reason', None) or answer.decision)
    try:
        client.predict(good, 'melanoma')
    except ValueError as error:
        print(error)
)");
  const CommandResult result = RunCommand({kPython, "-c", script});
  EXPECT_EQ(result.exit_code, 0) << result.err;
  std::string expected = "IMAGE_FORMAT_UNSUPPORTED INVALID_ARGUMENT\n";
  for (int i = 0; i < 20; ++i) {
    absl::StrAppend(&expected, answer_.decision(), "\nIMAGE_EMPTY\n",
                    answer_.decision(), "\n");
  }
  EXPECT_THAT(result.out, HasSubstr(expected));
  EXPECT_THAT(result.out, HasSubstr("names no version"));
}

}  // namespace
}  // namespace nevus

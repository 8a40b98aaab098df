#include "services/scheduler/core/transcript.h"

#include <cstdlib>
#include <fstream>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "gtest/gtest.h"

namespace nevus::scheduler {
namespace {

Command Parse(const std::string& line) {
  Command command;
  for (const std::string& word :
       std::vector<std::string>(absl::StrSplit(line, ' ', absl::SkipEmpty()))) {
    const size_t equals = word.find('=');
    if (equals == std::string::npos) {
      command.plain.push_back(word);
    } else {
      command.named[word.substr(0, equals)] = word.substr(equals + 1);
    }
  }
  return command;
}

}  // namespace

std::string Command::Word(size_t index) const {
  return index < plain.size() ? plain[index] : "";
}

std::string Command::Named(const std::string& name) const {
  const auto found = named.find(name);
  return found == named.end() ? "" : found->second;
}

int64_t Command::Number(const std::string& name, int64_t otherwise) const {
  if (named.count(name) == 0) return otherwise;
  int64_t value = 0;
  EXPECT_TRUE(absl::SimpleAtoi(Named(name), &value)) << name;
  return value;
}

absl::Duration Command::Duration(const std::string& name,
                                 absl::Duration otherwise) const {
  if (named.count(name) == 0) return otherwise;
  absl::Duration value;
  EXPECT_TRUE(absl::ParseDuration(Named(name), &value)) << name;
  return value;
}

std::vector<std::string> Command::List(const std::string& name) const {
  return absl::StrSplit(Named(name), ',', absl::SkipEmpty());
}

void PlayTranscript(const std::string& name,
                    const std::function<std::string(const Command&)>& play) {
  const std::string path =
      absl::StrCat("services/scheduler/core/testdata/", name, ".txt");
  std::ifstream file(path);
  ASSERT_TRUE(file) << path;
  std::string told;
  std::string happened;
  std::string line;
  while (std::getline(file, line)) {
    absl::StrAppend(&told, line, "\n");
    absl::StrAppend(&happened, line, "\n");
    if (line.empty() || line[0] == '#') continue;
    const std::string command = line;
    while (std::getline(file, line) && !line.empty()) {
      absl::StrAppend(&told, line, "\n");
    }
    told += "\n";
    absl::StrAppend(&happened, "----\n", play(Parse(command)), "\n");
  }
  if (const char* rewrite = std::getenv("NEVUS_REWRITE")) {
    std::ofstream(absl::StrCat(rewrite, "/", name, ".txt")) << happened;
  }
  EXPECT_EQ(told, happened) << path;
}

}  // namespace nevus::scheduler

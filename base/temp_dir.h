// A directory for one test, removed with all its contents at the end.
#ifndef NEVUS_BASE_TEMP_DIR_H_
#define NEVUS_BASE_TEMP_DIR_H_

#include <string>

namespace nevus {

class TempDir {
 public:
  TempDir();
  ~TempDir();
  TempDir(const TempDir&) = delete;
  TempDir& operator=(const TempDir&) = delete;

  // No slash at the end.
  const std::string& path() const { return path_; }
  std::string File(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace nevus

#endif  // NEVUS_BASE_TEMP_DIR_H_

// Calls into a C library that reports an error by not returning (libjpeg,
// libpng): the library's error handler jumps back here.
#ifndef NEVUS_COMPUTE_IMAGE_JUMP_GUARD_H_
#define NEVUS_COMPUTE_IMAGE_JUMP_GUARD_H_

#include <csetjmp>

namespace nevus {

// Thread-compatible.
class JumpGuard {
 public:
  // Runs `body`; false if it ended in Fail(). No destructor below `body` runs
  // then: neither it nor what it calls may own anything.
  template <typename Body>
  bool Run(const Body& body) {
    if (setjmp(back_) != 0) return false;
    body();
    return true;
  }

  // REQUIRES: called, however deep, from within Run.
  [[noreturn]] void Fail() { std::longjmp(back_, 1); }

 private:
  std::jmp_buf back_;
};

}  // namespace nevus

#endif  // NEVUS_COMPUTE_IMAGE_JUMP_GUARD_H_

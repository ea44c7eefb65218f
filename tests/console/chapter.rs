//! The troubleshooting steps of the chapter, typed as the chapter prints them (`spec/chapter.md` §5.3).

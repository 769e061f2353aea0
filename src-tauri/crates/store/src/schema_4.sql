-- What the feed's rate limit keeps of each series, in words, since the feed was last started; NULL: everything.
ALTER TABLE feed ADD COLUMN thinned TEXT;
